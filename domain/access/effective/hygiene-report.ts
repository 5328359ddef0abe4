import { type ObservedServer, PUBLIC } from '../observed.ts';
import { maskOf } from '../privileges.ts';
import { type Finding, type FindingKind, listFindings } from './hygiene.ts';

/** Kinds that only a report has, beside those of {@link listFindings}. */
export type HygieneKind = FindingKind | 'public_connect' | 'password_never_expires' | 'dormant_login';

export type HygieneFinding = Omit<Finding, 'kind'> & { kind: HygieneKind };

/** What is known of who logs in: samples of open sessions, taken at the looks for drift. */
export interface Observation {
  /** Null: nobody has looked yet. */
  since: Date | null;
  /** Seconds between two looks: a session that was shorter may have been missed. */
  everySeconds: number;
  seen: ReadonlyMap<string, Date>;
}

/** What is worth a look on a server, for people who are to tidy it up. */
export interface HygieneReport {
  server: string;
  at: Date;
  findings: HygieneFinding[];
  /** How many more there are of a kind. */
  more: Partial<Record<HygieneKind, number>>;
  observation: Observation;
  /** Logins with the time at which they were last seen; null: not since `observation.since`. */
  logins: { role: string; lastSeen: Date | null }[];
  /** What the report does not know. */
  notes: string[];
}

const DAY = 86_400_000;
/** A login that nobody used for this long is called dormant; a shorter observation says nothing. */
const DORMANT_DAYS = 30;
const MAX_OF_A_KIND = 50;
const CONNECT = maskOf(['CONNECT']);

/** Puts a report together. @param observed objects only of databases with contents */
export function hygieneReport(observed: ObservedServer, of: { now: Date; observation: Observation }): HygieneReport {
  const { now, observation } = of;
  const { findings, more } = listFindings(observed, { now });
  const added = [publicConnect(observed), neverExpiring(observed), dormant(observed, of)];
  const moreOf: HygieneReport['more'] = { ...more };
  for (const list of added) {
    const [first] = list;
    if (first !== undefined && list.length > MAX_OF_A_KIND) moreOf[first.kind] = list.length - MAX_OF_A_KIND;
  }
  return {
    server: observed.name,
    at: now,
    findings: [...findings, ...added.flatMap((list) => list.slice(0, MAX_OF_A_KIND))],
    more: moreOf,
    observation,
    logins: loginsOf(observed).map(({ name }) => ({ role: name, lastSeen: observation.seen.get(name) ?? null })),
    notes: notesOf(observed, observation),
  };
}

function loginsOf(observed: ObservedServer) {
  return [...observed.roles.values()]
    .filter(({ attributes }) => attributes.login)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** CONNECT of PUBLIC on databases that can be entered: the default of every new database. */
function publicConnect({ databases }: ObservedServer): HygieneFinding[] {
  return [...databases.values()]
    .filter(({ allowConnections, isTemplate, acl }) => {
      const open = acl.some(({ grantee, privileges }) => grantee === PUBLIC && (privileges & CONNECT) !== 0);
      return allowConnections && !isTemplate && open;
    })
    .map(({ name }) => ({
      kind: 'public_connect',
      database: name,
      sentence: `every login of the server can connect to database ${name}`,
    }));
}

function neverExpiring(observed: ObservedServer): HygieneFinding[] {
  return loginsOf(observed)
    .filter(({ name, attributes, password }) => {
      return attributes.validUntil === 'infinity' && password !== 'none' && name !== observed.admin.name;
    })
    .map(({ name }) => ({
      kind: 'password_never_expires',
      role: name,
      sentence: `the password of ${name} never expires`,
    }));
}

function dormant(
  observed: ObservedServer,
  { now, observation: { since, seen } }: { now: Date; observation: Observation },
): HygieneFinding[] {
  const limit = now.getTime() - DORMANT_DAYS * DAY;
  if (since === null || since.getTime() > limit) return [];
  return loginsOf(observed).flatMap(({ name }): HygieneFinding[] => {
    const last = seen.get(name);
    if (last !== undefined && last.getTime() > limit) return [];
    const when = last === undefined ? `since the first look at ${since.toISOString()}` : `since ${last.toISOString()}`;
    return [
      { kind: 'dormant_login', role: name, sentence: `${name} can log in and was not seen with a session ${when}` },
    ];
  });
}

function notesOf(observed: ObservedServer, { since, everySeconds }: Observation): string[] {
  const unread = [...observed.databases.values()].filter(
    ({ allowConnections, isTemplate, contents }) => allowConnections && !isTemplate && contents === undefined,
  );
  const hidden = [...observed.roles.values()].some(({ password }) => password === 'unknown');
  return [
    since === null
      ? 'nobody has looked for sessions yet: nothing is known of who logs in'
      : `sessions were sampled every ${everySeconds} s since ${since.toISOString()}: one that was shorter may have been missed, and of earlier ones nothing is known`,
    `logins are called dormant after ${DORMANT_DAYS} days of looks without a session`,
    ...(hidden
      ? ['the admin role may not read pg_authid: md5 passwords and roles without a password are not known']
      : []),
    ...(unread.length > 0 ? [`databases that were not read: ${unread.map(({ name }) => name).join(', ')}`] : []),
  ];
}
