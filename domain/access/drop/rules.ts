import { renderSharedMarker } from '../../marker.ts';
import { quoteIdentifier } from '../../sql/quote.ts';
import { FIRST_NORMAL_OID } from '../catalogs.ts';
import { BOOTSTRAP_OID, isPredefined } from '../roles/rules.ts';
import { type Counts, countsText, type DependentCount, nounOf, type PlaceCounts, totalOf } from './dependents.ts';
import { type DropAdmin, type DropFacts, type DropTarget, majorOf } from './facts.ts';
import { heirProblem } from './heir.ts';
import type { DropRequest } from './request.ts';

/** Something that forbids to drop a role, or stands in the way of it. */
export interface DropObstacle {
  /** Short name, such as `superuser`. */
  rule: string;
  message: string;
  /** Statement that removes it, for whoever may run it. */
  remedy?: string;
  /** An admin may say that it does not count (R5). */
  canBeForced: boolean;
}

/** Everything that {@link dropObstacles} judges by. */
export interface DropCase {
  facts: DropFacts;
  /** Of the role, from pg_shdepend. */
  dependents: readonly DependentCount[];
  /** Owner by the credential row of this role, where there is one. */
  recordedOwner: string | undefined;
  /** What the role engine's own rows have as owner. */
  engineOwner: string;
  installationId: string;
  heir: string | undefined;
}

/** What forbids to drop the role (R5), and what would fail half-way. Empty where there is no such role: that is success. */
export function dropObstacles(of: DropCase): DropObstacle[] {
  const { role } = of.facts;
  if (role === null) return [];
  return [...never(of.facts, role), ...unlessForced(of, role), ...inTheWay(of, role)];
}

/** Those of the obstacles that count for a request. */
export function standingObstacles(obstacles: readonly DropObstacle[], request: Pick<DropRequest, 'force'>) {
  return obstacles.filter(({ canBeForced }) => !(canBeForced && request.force));
}

/**
 * For people, a line for each: what it is, the statement that removes it, whether an admin may insist.
 * @param word member of the request that insists
 */
export function obstacleLines(obstacles: readonly DropObstacle[], word = 'force'): string {
  return obstacles
    .map(({ message, remedy, canBeForced }) => {
      const cure = remedy === undefined ? '' : `; remedy: ${remedy}`;
      return `${message}${cure}${canBeForced ? `; an admin may say "${word}": true` : ''}`;
    })
    .join('\n');
}

function never({ admin }: DropFacts, role: DropTarget): DropObstacle[] {
  const found = [
    [role.name === admin.name, 'own_role', `role "${role.name}" is the control plane's own role`],
    [role.oid === BOOTSTRAP_OID, 'bootstrap', `role "${role.name}" is the superuser that the server was made with`],
    [
      isPredefined(role.name) || (role.oid < FIRST_NORMAL_OID && role.oid !== BOOTSTRAP_OID),
      'predefined',
      `role "${role.name}" is a role of PostgreSQL itself`,
    ],
  ] as const;
  return found.flatMap(([applies, rule, message]) => (applies ? [{ rule, message, canBeForced: false }] : []));
}

function unlessForced(of: DropCase, role: DropTarget): DropObstacle[] {
  const { recordedOwner, engineOwner, installationId } = of;
  const foreign = recordedOwner !== undefined && recordedOwner !== engineOwner;
  const found = [
    [role.superuser, 'superuser', `role "${role.name}" is a superuser`],
    [role.createrole, 'createrole', `role "${role.name}" has CREATEROLE`],
    [foreign, 'other_owner', `role "${role.name}" belongs to ${recordedOwner}`],
    [
      role.comment === renderSharedMarker(installationId),
      'shared',
      `role "${role.name}" is shared by several databases, and goes with the last of them`,
    ],
  ] as const;
  return found.flatMap(([applies, rule, message]) => (applies ? [{ rule, message, canBeForced: true }] : []));
}

function inTheWay(of: DropCase, role: DropTarget): DropObstacle[] {
  const { facts, installationId } = of;
  const owned = new Set(
    of.dependents
      .filter(({ kind }) => kind === 'owner')
      .flatMap(({ classes }) => classes.map(({ catalog }) => catalog)),
  );
  const heir = heirProblem({ facts, named: of.heir, installationId });
  return [
    ...facts.closedDatabases.map((database) => ({
      rule: 'closed_database',
      message: `something of role "${role.name}" is in database "${database}", which accepts no connections`,
      remedy: `ALTER DATABASE ${quoteIdentifier(database)} WITH ALLOW_CONNECTIONS true`,
      canBeForced: false,
    })),
    ...(heir === undefined
      ? []
      : [{ rule: 'heir', message: `what it owns cannot go to this heir: ${heir}`, canBeForced: false }]),
    ...(facts.preparedTransactions === 0
      ? []
      : [
          {
            rule: 'prepared_transactions',
            message: `role "${role.name}" has transactions that are prepared and not ended (${facts.preparedTransactions}): commit them or roll them back`,
            canBeForced: false,
          },
        ]),
    // The new owner of either must be a superuser, or have rights that an heir is not to have.
    ...['pg_event_trigger', 'pg_subscription']
      .filter((catalog) => owned.has(catalog))
      .map((catalog) => ({
        rule: 'not_inheritable',
        message: `role "${role.name}" owns ${catalog === 'pg_subscription' ? 'subscriptions' : 'event triggers'}, which no heir without privileges can own: drop them or give them to somebody`,
        canBeForced: false,
      })),
    ...(facts.admin.superuser ? [] : missingRights(facts, facts.admin, role)),
  ];
}

/** What an admin role that is no superuser lacks. */
function missingRights(facts: DropFacts, admin: DropAdmin, role: DropTarget): DropObstacle[] {
  const major = majorOf(facts.versionNum);
  const me = quoteIdentifier(admin.name);
  const lacking: (Omit<DropObstacle, 'canBeForced'> | false)[] = [
    role.superuser && {
      rule: 'admin_rights',
      message: `only a superuser drops a superuser, and role "${admin.name}" is none`,
    },
    major < 16 &&
      role.replication && {
        rule: 'admin_rights',
        message: `before PostgreSQL 16 only a superuser changes a role with REPLICATION, and role "${admin.name}" is none`,
        remedy: `ALTER ROLE ${quoteIdentifier(role.name)} WITH NOREPLICATION`,
      },
    !admin.createrole && {
      rule: 'admin_rights',
      message: `role "${admin.name}" has no CREATEROLE`,
      remedy: `ALTER ROLE ${me} WITH CREATEROLE`,
    },
    major < 16 &&
      !admin.inherit && {
        rule: 'admin_rights',
        message: `role "${admin.name}" is NOINHERIT, so that it cannot use the rights of a role that it is a member of`,
        remedy: `ALTER ROLE ${me} WITH INHERIT`,
      },
    major >= 16 &&
      !role.administered && {
        rule: 'admin_rights',
        message: `role "${admin.name}" has no ADMIN option on role "${role.name}"`,
        remedy: `GRANT ${quoteIdentifier(role.name)} TO ${me} WITH ADMIN OPTION`,
      },
    !admin.signalsBackends &&
      facts.sessions.length > 0 && {
        rule: 'admin_rights',
        message: `role "${role.name}" has open sessions, and role "${admin.name}" may not end them`,
        remedy: `GRANT pg_signal_backend TO ${me}`,
      },
  ];
  return lacking.flatMap((obstacle) => (obstacle === false ? [] : [{ ...obstacle, canBeForced: false }]));
}

/** What only matters for objects that the role itself would have made. */
const WITHOUT_THE_ROLE_NOTHING = nounOf('pg_default_acl');

/**
 * What a drop would do beyond ending what this control plane made, and that the caller has to agree to (R10). Rights of a role
 * that was made here count as given here, and so do its default privileges, which mean nothing without it.
 */
export function consentReasons(of: {
  places: readonly PlaceCounts[];
  facts: Pick<DropFacts, 'role' | 'memberships'>;
  madeHere: boolean;
}): string[] {
  const { role } = of.facts;
  if (role === null) return [];
  const personalOf = ({ personal: { [WITHOUT_THE_ROLE_NOTHING]: defaults = 0, ...others } }: PlaceCounts): Counts =>
    of.madeHere || defaults === 0 ? others : { ...others, [WITHOUT_THE_ROLE_NOTHING]: defaults };
  const where = ({ database }: PlaceCounts) => (database === null ? 'the server' : `database "${database}"`);
  const given = of.facts.memberships.filter(({ grantor }) => grantor === role.name).length;
  return [
    ...of.places.flatMap((place) => [
      ...(totalOf(place.owns) > 0 ? [`it owns ${countsText(place.owns)} in ${where(place)}`] : []),
      ...(totalOf(personalOf(place)) > 0
        ? [`it has ${countsText(personalOf(place))} of its own in ${where(place)}`]
        : []),
      ...(place.policies > 0 ? [`it is named in ${countsText({ policies: place.policies })} in ${where(place)}`] : []),
      ...(!of.madeHere && totalOf(place.rights) > 0
        ? [`it has rights on ${countsText(place.rights)} in ${where(place)}`]
        : []),
    ]),
    ...(given > 0 ? [`it has granted ${given} ${given === 1 ? 'membership' : 'memberships'} to others`] : []),
  ];
}
