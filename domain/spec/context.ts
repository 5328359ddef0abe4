import type { RoleKnowledge } from './names.ts';
import type { Problem } from './problems.ts';
import type { ParseSql } from './scripts.ts';
import type { SpecRequest } from './types.ts';

/** What a request is judged by, beside itself. */
export interface SpecContext extends RoleKnowledge {
  /** Id of the database: the requested one, the generated one, or that of the path. */
  databaseId: string;
  callerIsAdmin: boolean;
  /** Users of this database whose password is kept from before: an update may leave those passwords out. */
  usersWithPassword: ReadonlySet<string>;
  /** Extensions that may be asked for; see `TRUSTED_EXTENSIONS`. */
  allowedExtensions: ReadonlySet<string>;
  /** Parser of SQL; see `loadSqlParser`. */
  parseSql: ParseSql;
  /** Registered hosts. Absent: hosts are not judged. */
  knownHosts?: ReadonlySet<string> | undefined;
  /** Major version of the PostgreSQL server by host; a known host without one has no server. Absent: not judged. */
  serverMajors?: ReadonlyMap<string, number> | undefined;
  /** What an update may not change. Absent on create. */
  previous?: { databaseName: string; tenantId?: string | undefined } | undefined;
}

/** One group of rules: yields every problem that it finds and changes nothing. */
export type Rule = (request: SpecRequest, context: SpecContext) => Iterable<Problem>;
