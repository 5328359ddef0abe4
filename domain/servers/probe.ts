/** What was found out about a server: facts, no judgement and no secret. */
export interface ServerProbe {
  endpoints: ProbedEndpoint[];
  /** Null where no endpoint could be asked further: `problem` says why. */
  facts: ServerFacts | null;
  problem: string | null;
}

/** What one endpoint answered. */
export interface ProbedEndpoint {
  address: string;
  port: number;
  state: 'primary' | 'standby' | 'read_only' | 'unreachable';
  systemIdentifier: string | null;
  /** For people. */
  answer: string;
}

/** What the primary says of itself. Kept as JSON with the server. */
export interface ServerFacts {
  systemIdentifier: string;
  /** `server_version_num`, such as 180004. */
  versionNum: number;
  admin: AdminFacts;
  limits: {
    maxConnections: number;
    /** superuser_reserved_connections + reserved_connections. */
    reserved: number;
    /** Sessions in databases, our own included. */
    inUse: number;
  };
  passwords: {
    /** `password_encryption` */
    encryption: string;
    scramIterations: number;
    /** Libraries of shared_preload_libraries; null where the admin role may not see them. */
    preloaded: string[] | null;
    /** Of the maintenance database. */
    extensions: string[];
    /** Parameters of extensions that check passwords. */
    settings: Record<string, string>;
  };
  /** Roles and parameters by which managed services are known. */
  marks: { roles: string[]; settings: string[] };
}

/** What the admin role is and may do. */
export interface AdminFacts {
  name: string;
  superuser: boolean;
  createrole: boolean;
  createdb: boolean;
  replication: boolean;
  bypassrls: boolean;
  /** -1 is none. */
  connectionLimit: number;
  /** Has the privileges of pg_signal_backend. */
  signalsBackends: boolean;
  /** May read pg_authid, and so see how passwords are stored. */
  readsPasswords: boolean;
  /** Of {@link LOGGING_PARAMETERS}, those that it may not set. */
  unsettable: string[];
  /** Roles that it has no ADMIN option on, superusers and pg_* left out; before 16 CREATEROLE needs none. */
  unadministered: { count: number; names: string[] };
}

/** What keeps statements out of the server's log, where it may be set. */
export const LOGGING_PARAMETERS = ['log_statement', 'log_min_duration_statement', 'log_min_error_statement'] as const;

/** How many names of roles are kept. */
export const SHOWN_ROLES = 20;
