/** What a server says of a role that is to be dropped: the one row of `DROP_FACTS_SQL`. */
export interface DropFacts {
  versionNum: number;
  /** The superuser that the server was made with: grants of superusers are recorded under it. */
  bootstrap: string;
  admin: DropAdmin;
  /** Null: there is no such role. */
  role: DropTarget | null;
  /** Null: there is no such role (yet). */
  heir: DropHeir | null;
  /** Memberships that the role is in, as member, as group or as grantor, and others' grants of those that it granted. */
  memberships: RoleMembership[];
  /** Open sessions that logged in as the role, whatever role they have taken on since. */
  sessions: { database: string | null; application: string; kind: string; count: number }[];
  /** Databases where something of the role is, and that nobody can connect to. */
  closedDatabases: string[];
  /** Transactions of the role that wait for COMMIT PREPARED. */
  preparedTransactions: number;
}

/** The role that the control plane logs in as. */
export interface DropAdmin {
  name: string;
  superuser: boolean;
  createrole: boolean;
  inherit: boolean;
  /** May end sessions of other roles. */
  signalsBackends: boolean;
}

/** The role that is to be dropped. */
export interface DropTarget {
  oid: number;
  name: string;
  login: boolean;
  superuser: boolean;
  createrole: boolean;
  replication: boolean;
  bypassrls: boolean;
  connectionLimit: number;
  comment: string | null;
  /** Whether the admin role has ADMIN on it; from 16 on that decides who may change a role. */
  administered: boolean;
}

/** The role that is to get what the dropped one owns. */
export interface DropHeir {
  oid: number;
  name: string;
  login: boolean;
  /** Superuser, CREATEROLE, CREATEDB, REPLICATION or BYPASSRLS. */
  attributes: string[];
  comment: string | null;
  /** Roles that it is a member of, directly. */
  memberOf: string[];
  /** Superusers and roles of PostgreSQL itself that it can become. */
  reaches: string[];
  administered: boolean;
}

/** A row of pg_auth_members by names; before 16 `inherit` is the member's attribute and `set` always true. */
export interface RoleMembership {
  role: string;
  member: string;
  grantor: string;
  admin: boolean;
  inherit: boolean;
  set: boolean;
}

/** Major version of a `server_version_num`. */
export function majorOf(versionNum: number): number {
  return Math.floor(versionNum / 10_000);
}
