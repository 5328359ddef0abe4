/** A login that says in its comment that it is of a lease. */
export interface MarkedLogin {
  name: string;
  oid: number;
  leaseId: string;
}

/** What is on record of a lease that is not over. */
export interface LiveLease {
  id: string;
  roleName: string;
  /** Null until the login is on record as made. */
  roleOid: number | null;
  endsAt: Date;
  /** Its login is about to go, or is gone and nobody has noted that yet. */
  ending: boolean;
}

/** Where record and server do not agree. */
export interface Strays {
  /** Logins of leases that are not on record as live. */
  orphans: MarkedLogin[];
  /** Live leases whose login is not there. */
  ghosts: LiveLease[];
}

/**
 * Compares leases on record with logins on a server. The record is read before and after: a lease that is given in between is no ghost,
 * and one that ends is no orphan.
 */
export function strayLeases(
  record: { before: readonly LiveLease[]; after: readonly LiveLease[] },
  logins: readonly MarkedLogin[],
): Strays {
  const known = new Set([...record.before, ...record.after].map(({ id }) => id));
  const there = new Set(logins.map(({ leaseId }) => leaseId));
  const still = new Set(record.after.filter(({ ending }) => !ending).map(({ id }) => id));
  return {
    orphans: logins.filter(({ leaseId }) => !known.has(leaseId)),
    ghosts: record.before.filter(({ id, roleOid }) => roleOid !== null && still.has(id) && !there.has(id)),
  };
}
