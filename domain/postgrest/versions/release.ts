import type { ClaimKeySyntax } from '../claim-key.ts';

/** What a control plane must know about one PostgREST release. */
export interface PostgrestVersion {
  /** Exact release, such as `12.0.2` or, since 14.0, `14.5`. */
  version: string;
  /** Shorter spellings that mean this release. */
  aliases: readonly string[];
  /** `run`: this release was run for real. `documented`: changelog, manual and source of the release say so. */
  evidence: 'run' | 'documented';
  /** Oldest and newest PostgreSQL major that it serves; PostgreSQL 9.6 counts as 9.6. */
  postgresMajors: { oldest: number; newest: number };
  /** Image that is pulled unless the specification names another. */
  image: string;
  /** Keys of postgrest.conf that a reload applies; every other key needs a new process. */
  reloadableKeys: ReadonlySet<string>;
  /** Whether the admin listener can be bound to an address of its own (`admin-server-host`, since 13.0). */
  adminListenerSeparate: boolean;
  /** Whether `postgrest --ready` exists (since 14.0). It asks the admin listener. */
  hasReadyCommand: boolean;
  /** How `jwt-role-claim-key` is written. */
  claimKeySyntax: ClaimKeySyntax;
  /** Whether a JWT secret below 32 bytes ends the process at its start (since 13.0); earlier ones refuse every token. */
  refusesShortJwtSecret: boolean;
  /**
   * Whether the LISTEN connection insists on a writable server and tries again forever (since 12.2). An instance that
   * reaches one standby only then never becomes ready, unless it does not listen.
   */
  listensOnPrimaryOnly: boolean;
  /** Texts that frame one load of the schema cache in the log: both appear, in this order, for every reload. */
  schemaCacheLog: { begun: string; loaded: string };
}
