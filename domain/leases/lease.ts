/** States of a lease, in the order in which it can come through them. */
export const LEASE_STATES = ['issuing', 'active', 'ending', 'failed', 'ended', 'refused'] as const;
export type LeaseState = (typeof LEASE_STATES)[number];

/** Why a lease ended. `not_issued`: making its login failed, and something of it may have been there. */
export type LeaseEnd = 'expired' | 'revoked' | 'not_issued';

/** Owner of the roles of leases in the records of roles: no other family changes them. */
export const LEASE_OWNER = 'leases';

/** What a request in a batch does for a lease. */
export interface LeaseRequest {
  leaseId: string;
  act: 'issue' | 'renew';
  /** Role by OID that is renewed. */
  roleOid?: number;
  /** ISO 8601: nothing is made after that. */
  endsAt: string;
  /** Of a renewal: what the end was before, should it fail. */
  previousEndsAt?: string;
  /** Group roles that belong to others may be given: an administrator said so. */
  foreignGroups?: boolean;
}

/** What proves that the login of a lease is gone. */
export interface LeaseReceipt {
  server: string;
  role: string;
  /** Null: there never was such a role. */
  oid: number | null;
  already_gone: boolean;
  absent: true;
  sessions: { ended: number; open: 0 };
  login: { refused: boolean; message: string };
  /** Ended with it: group role and who had granted it. */
  memberships: string[];
  /** Task whose result says what the login owned, and who has it now. */
  drop_task?: string;
  proven_at: string;
}
