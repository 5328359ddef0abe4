import { flavorDatabaseSql, flavorGroupsSql } from '../sql/flavors.ts';
import { quoteIdentifier } from '../sql/quote.ts';
import { FLAVOR_GROUP_COMMENT, FLAVOR_GROUPS, type FlavorInstallation, installationComment } from './flavor-groups.ts';

/** What a probe of a server says that flavors depend on. */
export interface FlavorFacts {
  versionNum: number;
  admin: { name: string; superuser: boolean };
  /** The admin role may make somebody a member of pg_read_all_data and pg_write_all_data. */
  grantsPredefined: boolean;
  /** Group roles that are there. */
  groups: FlavorGroupFacts[];
  /** What pg_read_all_data would show that is as good as a password, such as `subscription "orders"`. */
  exposed: string[];
  databases: FlavorDatabaseFacts[];
}

export interface FlavorGroupFacts {
  name: string;
  comment: string | null;
  /** The admin role may add members. */
  administered: boolean;
  /** Predefined roles that it is a member of. */
  memberOf: string[];
}

export interface FlavorDatabaseFacts {
  name: string;
  /** Both groups, once they are there, may connect: PUBLIC does, or they were granted it. */
  connect: boolean;
  /** The admin role can grant CONNECT. */
  grantsConnect: boolean;
  /** Comment of the schema of flavors. */
  installed: string | null;
  /** Why it could not be looked into, where it could not. */
  unread?: string;
}

/** What has to be done before roles can have a flavor. */
export interface FlavorWork {
  groups: { predefined: boolean } | undefined;
  databases: { name: string; install: FlavorInstallation; connect: boolean }[];
}

export type Realisation =
  | {
      ok: true;
      /** Rights come from predefined roles, or from grants on every table. */
      by: 'predefined' | 'grants';
      work: FlavorWork;
    }
  /** What a superuser has to run first. */
  | { ok: false; message: string };

const FIRST_WITH_PREDEFINED = 140_000;
/** From 15 on PUBLIC may create nothing in a new database. */
const FIRST_WITHOUT_PUBLIC_CREATE = 150_000;
const FIRST_WITH_ADMIN_OPTION = 160_000;
const PREDEFINED = { read: ['pg_read_all_data'], write: ['pg_read_all_data', 'pg_write_all_data'] } as const;

/**
 * Decides where `read` and `write` have their rights from. Predefined roles cover every table there is and will be, but show
 * catalogs as well: where those hold secrets, and on 13, which has no such roles, the groups are granted every table instead, and
 * a superuser's event trigger in each database grants them what is made later.
 */
export function realiseFlavors(facts: FlavorFacts): Realisation {
  const { admin, versionNum, exposed, groups } = facts;
  const taken = groups.find(({ comment }) => comment !== FLAVOR_GROUP_COMMENT);
  if (taken !== undefined) {
    return refusal(`role "${taken.name}" was not made for flavors of clusters: rename it`);
  }
  const unread = facts.databases.find((database) => database.unread !== undefined);
  if (unread !== undefined) return refusal(cannotLookInto(unread, admin));
  const predefined = versionNum >= FIRST_WITH_PREDEFINED && exposed.length === 0;
  const install: FlavorInstallation = {
    cover: !predefined,
    guard: admin.superuser && versionNum < FIRST_WITHOUT_PUBLIC_CREATE,
  };
  const work = workFor(facts, predefined, install);
  if (admin.superuser) return { ok: true, by: predefined ? 'predefined' : 'grants', work };
  const obstacle = predefined ? withoutPredefined(facts, work) : withoutCover(facts);
  if (obstacle !== undefined) return refusal(obstacle);
  // What only a superuser can install was found installed, or is not needed.
  const databases = work.databases.filter(({ connect }) => connect).map((one) => ({ ...one, install: NOTHING }));
  return { ok: true, by: predefined ? 'predefined' : 'grants', work: { ...work, databases } };
}

function cannotLookInto({ name, unread }: FlavorDatabaseFacts, admin: FlavorFacts['admin']): string {
  const statement = `GRANT CONNECT ON DATABASE ${quoteIdentifier(name)} TO ${quoteIdentifier(admin.name)};`;
  const remedy = admin.superuser ? '' : `; a superuser runs: ${statement}`;
  return `database "${name}" cannot be looked into, which flavors need (${unread})${remedy}`;
}

const NOTHING: FlavorInstallation = { cover: false, guard: false };
const refusal = (message: string): Realisation => ({ ok: false, message });

function workFor(facts: FlavorFacts, predefined: boolean, install: FlavorInstallation): FlavorWork {
  const missing = Object.values(FLAVOR_GROUPS).some((name) => !facts.groups.some((group) => group.name === name));
  const groups = missing || facts.groups.some((group) => !hasPredefined(group, predefined));
  const databases = facts.databases.flatMap(({ name, connect, installed }) => {
    const toInstall = needed(install) && installed !== installationComment(install);
    if (connect && !toInstall) return [];
    return [{ name, install: toInstall ? install : NOTHING, connect: !connect }];
  });
  return { groups: groups ? { predefined } : undefined, databases };
}

const needed = ({ cover, guard }: FlavorInstallation) => cover || guard;

/** A group has exactly the predefined roles of its flavor, or none. */
function hasPredefined({ name, memberOf }: FlavorGroupFacts, predefined: boolean): boolean {
  const wanted: readonly string[] = predefined
    ? name === FLAVOR_GROUPS.read
      ? PREDEFINED.read
      : PREDEFINED.write
    : [];
  return wanted.length === memberOf.length && wanted.every((role) => memberOf.includes(role));
}

/** Why an admin role that is no superuser cannot give flavors by predefined roles; undefined where it can. */
function withoutPredefined(facts: FlavorFacts, work: FlavorWork): string | undefined {
  const admin = quoteIdentifier(facts.admin.name);
  const option = facts.versionNum >= FIRST_WITH_ADMIN_OPTION ? ' WITH ADMIN OPTION' : '';
  if (work.groups !== undefined && !facts.grantsPredefined) {
    const statement = `GRANT pg_read_all_data, pg_write_all_data TO ${admin}${option};`;
    return `role "${facts.admin.name}" may not give flavors; a superuser runs: ${statement}`;
  }
  return withoutAdministration(facts) ?? withoutConnect(facts);
}

function withoutAdministration({ groups, admin }: FlavorFacts): string | undefined {
  const foreign = groups.filter(({ administered }) => !administered).map(({ name }) => quoteIdentifier(name));
  if (foreign.length === 0) return undefined;
  const statement = `GRANT ${foreign.join(', ')} TO ${quoteIdentifier(admin.name)} WITH ADMIN OPTION;`;
  return `role "${admin.name}" may not give flavors; a superuser runs: ${statement}`;
}

function withoutConnect({ databases, admin }: FlavorFacts): string | undefined {
  const closed = databases.filter(({ connect, grantsConnect }) => !connect && !grantsConnect);
  if (closed.length === 0) return undefined;
  const role = quoteIdentifier(admin.name);
  const statements = closed.map(
    ({ name }) => `GRANT CONNECT ON DATABASE ${quoteIdentifier(name)} TO ${role} WITH GRANT OPTION;`,
  );
  return `roles of flavors could not connect to every database; a superuser runs: ${statements.join(' ')}`;
}

/** Why it cannot give flavors by grants: only a superuser grants on everybody's tables, and makes event triggers. */
function withoutCover(facts: FlavorFacts): string | undefined {
  const { admin, databases, exposed, versionNum } = facts;
  const install = { cover: true, guard: versionNum < FIRST_WITHOUT_PUBLIC_CREATE };
  const lacking = databases.filter(({ installed }) => installed !== installationComment(install));
  const unmade = Object.values(FLAVOR_GROUPS).some((name) => !facts.groups.some((group) => group.name === name));
  if (lacking.length === 0 && !unmade) return withoutAdministration(facts);
  const why =
    exposed.length > 0
      ? `pg_read_all_data would show secrets (${exposed.join(', ')})`
      : 'PostgreSQL 13 has no role that reads everything';
  const script = [
    flavorGroupsSql({ predefined: false, administrator: admin.name }),
    flavorDatabaseSql({ install, connect: true }),
  ].join('\n');
  const where = lacking.map(({ name }) => quoteIdentifier(name)).join(', ');
  return `${why}, so every table has to be granted, and role "${admin.name}" is no superuser; a superuser runs, connected to each of ${where}, one after the other:\n${script}`;
}

/** Why a cluster cannot have the role `postgres`; undefined where it can. */
export function whyNoSuperuser({ admin }: Pick<FlavorFacts, 'admin'>): string | undefined {
  if (admin.name === 'postgres') {
    return 'the cluster has no role "postgres": it is the login of the control plane itself, which nobody is shown';
  }
  return admin.superuser
    ? undefined
    : `the cluster has no role "postgres": the control plane logs in as "${admin.name}", which is no superuser and can make none`;
}
