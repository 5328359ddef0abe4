import type { PrivilegeName } from '../access/privileges.ts';

/** Kinds of users that are created for an environment's database, as the published user API names them. */
export const USER_KINDS = ['app', 'app-k8s', 'devqa', 'devlead', 'readonly', 'dba'] as const;
export type UserKind = (typeof USER_KINDS)[number];

/**
 * What the group role of a kind may do in one database. Logins get nothing but membership in it, so that a change here reaches
 * every user of the kind. Schemas are those of the database without PostgreSQL's own; tables are views and foreign tables, too.
 * What is named holds for objects that are there and for those that come later.
 */
export interface KindPrivileges {
  database: readonly Extract<PrivilegeName, 'CONNECT' | 'TEMPORARY' | 'CREATE'>[];
  schemas: readonly Extract<PrivilegeName, 'USAGE' | 'CREATE'>[];
  tables: readonly Extract<
    PrivilegeName,
    'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE' | 'REFERENCES' | 'TRIGGER'
  >[];
  sequences: readonly Extract<PrivilegeName, 'USAGE' | 'SELECT' | 'UPDATE'>[];
  /** Beside what PUBLIC has: EXECUTE on every routine whose owner did not revoke it. */
  routines: readonly Extract<PrivilegeName, 'EXECUTE'>[];
}

/** What a user of a kind is made as. */
export interface KindRules {
  /** Parameters of the request whose values, joined by underscores, are the name. */
  nameFrom: readonly ('servername' | 'port' | 'env_prefix' | 'farmname' | 'username')[];
  /** Attributes beside LOGIN. */
  attributes: readonly ('CREATEDB' | 'CREATEROLE')[];
  /** CONNECTION LIMIT unless request or policy say otherwise. */
  connectionLimit: number;
  /** Where search_path is set to `public`: in the database of the request, or for every database. */
  searchPathIn: 'database' | 'server';
  /** Status text of the answer that created one. */
  createdStatus: 'user created' | 'dba user created';
  /** Unless the policy of the environment says otherwise. */
  privileges: KindPrivileges;
}

/** The schema that new users find their tables in. */
export const DEFAULT_SEARCH_PATH = 'public';

const READ_WRITE = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] as const;

const SERVICE = {
  attributes: [],
  connectionLimit: 200,
  searchPathIn: 'database',
  createdStatus: 'user created',
  privileges: {
    database: ['CONNECT', 'TEMPORARY'],
    schemas: ['USAGE'],
    tables: READ_WRITE,
    sequences: ['USAGE', 'SELECT'],
    routines: ['EXECUTE'],
  },
} as const satisfies Partial<KindRules>;

const PERSON = {
  nameFrom: ['username'],
  attributes: [],
  connectionLimit: 20,
  searchPathIn: 'database',
  createdStatus: 'user created',
} as const satisfies Partial<KindRules>;

/**
 * Names, limits, attributes, search paths and status texts are those of the published API
 * (https://github.com/pcraavi/PostgreSQL-user-creation-API, app.py), which gives no privileges: those are ours.
 */
export const KIND_RULES: Readonly<Record<UserKind, KindRules>> = {
  app: { ...SERVICE, nameFrom: ['servername', 'port'] },
  'app-k8s': { ...SERVICE, nameFrom: ['env_prefix', 'farmname'] },
  devqa: {
    ...PERSON,
    privileges: {
      database: ['CONNECT'],
      schemas: ['USAGE'],
      tables: READ_WRITE,
      sequences: ['USAGE', 'SELECT'],
      routines: [],
    },
  },
  devlead: {
    ...PERSON,
    privileges: {
      database: ['CONNECT', 'TEMPORARY'],
      schemas: ['USAGE', 'CREATE'],
      tables: [...READ_WRITE, 'TRUNCATE', 'REFERENCES', 'TRIGGER'],
      sequences: ['USAGE', 'SELECT', 'UPDATE'],
      routines: ['EXECUTE'],
    },
  },
  readonly: {
    ...PERSON,
    privileges: {
      database: ['CONNECT'],
      schemas: ['USAGE'],
      tables: ['SELECT'],
      sequences: ['SELECT'],
      routines: [],
    },
  },
  dba: {
    ...PERSON,
    attributes: ['CREATEDB', 'CREATEROLE'],
    searchPathIn: 'server',
    createdStatus: 'dba user created',
    privileges: { database: ['CONNECT'], schemas: [], tables: [], sequences: [], routines: [] },
  },
};

/** Name of a new user, from the parameters of its kind. Whether it can be a name at all is not judged here. */
export function usernameFor(kind: UserKind, parameters: Readonly<Record<string, string | number>>): string {
  return KIND_RULES[kind].nameFrom.map((name) => parameters[name] ?? '').join('_');
}
