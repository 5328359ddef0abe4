/** What depends on a role in one database for one reason, counted by system catalog: from pg_shdepend. */
export interface DependentCount {
  /** Null: objects of the whole server. */
  database: string | null;
  kind: string;
  classes: { catalog: string; count: number }[];
}

/** Kinds of objects as people call them, several and one, by the catalog that they are in. */
const NOUNS: Readonly<Record<string, readonly [many: string, one: string]>> = {
  pg_class: ['relations', 'relation'],
  pg_proc: ['routines', 'routine'],
  pg_type: ['types', 'type'],
  pg_namespace: ['schemas', 'schema'],
  pg_database: ['databases', 'database'],
  pg_tablespace: ['tablespaces', 'tablespace'],
  pg_largeobject: ['large objects', 'large object'],
  pg_default_acl: ['default privileges', 'default privilege'],
  pg_user_mapping: ['user mappings', 'user mapping'],
  pg_policy: ['policies', 'policy'],
  pg_language: ['languages', 'language'],
  pg_foreign_data_wrapper: ['foreign data wrappers', 'foreign data wrapper'],
  pg_foreign_server: ['foreign servers', 'foreign server'],
  pg_event_trigger: ['event triggers', 'event trigger'],
  pg_subscription: ['subscriptions', 'subscription'],
  pg_publication: ['publications', 'publication'],
  pg_parameter_acl: ['parameters', 'parameter'],
};
const ONE_OF_MANY = new Map(Object.values(NOUNS));

/** Dropped with the role that they are for, never handed on: REASSIGN OWNED passes over them. */
const PERSONAL: ReadonlySet<string> = new Set(['pg_default_acl', 'pg_user_mapping']);

/** A catalog's objects, for people. */
export function nounOf(catalog: string): string {
  return NOUNS[catalog]?.[0] ?? catalog;
}

/** Counts by kind of object. */
export type Counts = Record<string, number>;

/** What a role owns and what rights it has in one place. */
export interface PlaceCounts {
  /** Null: the server itself. */
  database: string | null;
  /** What an heir gets. */
  owns: Counts;
  /** What has rights for the role, or was given on by it. */
  rights: Counts;
  /** Default privileges and user mappings of its own: they go with it. */
  personal: Counts;
  /** Policies that name it. */
  policies: number;
}

/** Sums up by place, the server first. Memberships are told elsewhere. */
export function countByPlace(dependents: readonly DependentCount[]): PlaceCounts[] {
  const places = new Map<string | null, PlaceCounts>();
  for (const { database, kind, classes } of dependents) {
    const place = places.get(database) ?? { database, owns: {}, rights: {}, personal: {}, policies: 0 };
    for (const { catalog, count } of classes) {
      if (catalog === 'pg_auth_members') continue;
      places.set(database, place);
      if (kind === 'policy') place.policies += count;
      else add(kind !== 'owner' ? place.rights : PERSONAL.has(catalog) ? place.personal : place.owns, catalog, count);
    }
  }
  return [...places.values()];
}

function add(counts: Counts, catalog: string, count: number): void {
  const noun = nounOf(catalog);
  counts[noun] = (counts[noun] ?? 0) + count;
}

/** Number of all that is counted. */
export function totalOf(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** `3 relations, 1 routine`; empty for nothing. */
export function countsText(counts: Counts): string {
  return Object.entries(counts)
    .map(([noun, count]) => `${count} ${count === 1 ? (ONE_OF_MANY.get(noun) ?? noun) : noun}`)
    .join(', ');
}
