import { DEFAULT_SEARCH_PATH, KIND_RULES, type UserKind, usernameFor } from '../../domain/users/kinds.ts';
import { newUsernameProblem } from '../../domain/users/names.ts';
import { termsFor, type UserTerms } from '../../domain/users/policy.ts';
import { mayCreate, mayWrite } from '../../domain/users/rights.ts';
import type { Place } from '../../store/registry.ts';
import type { Caller } from '../caller.ts';
import { ApiError, invalidInput } from '../errors.ts';
import type { CreateUserParameters } from '../schemas/users.ts';
import type { UserDeps } from './deps.ts';
import { handoverWish } from './handover.ts';
import { answerWithPassword, auditOf, newPassword, type Operation, usualOptions } from './operation.ts';
import { requireAllowed, requirePlace, shownPlace } from './place.ts';

/** What a request for a new user says. */
export interface NewUser {
  kind: UserKind;
  parameters: CreateUserParameters;
  /** Scheme and authority that the caller reached this API under. */
  origin: string;
}

const EXISTS = 'user already exists';

/**
 * Creates a user as a member of the group of its kind, unless there is one of that name, who is then left alone.
 * @throws ApiError 400 for names that are not made, 403 with the rule of the policy, 404
 */
export async function creation(deps: UserDeps, caller: Caller, request: NewUser): Promise<Operation> {
  const { kind, parameters } = request;
  const handover = handoverWish(deps, parameters, request.origin);
  const place = await requirePlace(deps, caller, parameters);
  const username = newUsername(kind, parameters);
  const terms = termsOf(place, { kind, username, parameters });
  const group = await deps.groups.roleFor(caller, place, { kind, privileges: terms.privileges });
  const generated = newPassword();
  const { env, dbName: database, serverName } = place.entry;
  const audit = auditOf('create', { env, database, username }, { kind, ...shownTerms(terms) });
  return {
    change: {
      serverName,
      document: documentOf({ kind, username, password: generated, group, database, terms }),
      prefix: 'roles[0].',
      options: {
        condition: { role: username, when: 'absent' },
        record: { environment: env, kind },
        ...usualOptions(caller),
        ...audit.options,
      },
      detail: audit.detail,
    },
    async answer(done) {
      if (done.result.existed === true) return { ...shownPlace(place), username, password: null, status: EXISTS };
      // What it creates is for the others of the database to see, too: from its first table on.
      if (done.fresh && mayCreate(terms.privileges)) await deps.groups.cover(caller, place);
      const status = KIND_RULES[kind].createdStatus;
      return answerWithPassword(deps, caller, { place, username, status, done, generated, handover });
    },
  };
}

/** @throws ApiError 400 naming the parameters that the name is made of */
function newUsername(kind: UserKind, parameters: CreateUserParameters): string {
  const username = usernameFor(kind, parameters as Readonly<Record<string, string>>);
  const problem = newUsernameProblem(username);
  if (problem === undefined) return username;
  throw invalidInput([{ path: KIND_RULES[kind].nameFrom.join(' and '), message: problem }]);
}

function termsOf(place: Place, of: { kind: UserKind; username: string; parameters: CreateUserParameters }): UserTerms {
  const { kind, username, parameters } = of;
  const asked = {
    ...(typeof parameters.connection_limit === 'number' && { connectionLimit: parameters.connection_limit }),
    ...(parameters.valid_until !== undefined && { validUntil: new Date(parameters.valid_until) }),
    now: new Date(),
  };
  requireAllowed(place, { operation: 'create', env: place.entry.env, kind, username, ...asked });
  const rules = place.policy.kinds[kind];
  if (rules === undefined) throw new ApiError('forbidden', `users of kind ${kind} are not created there`);
  return termsFor(rules, asked);
}

function shownTerms({ connectionLimit, validUntil }: UserTerms) {
  return { connectionLimit, ...(validUntil !== null && { validUntil: validUntil.toISOString() }) };
}

function documentOf(of: {
  kind: UserKind;
  username: string;
  password: string;
  group: string;
  database: string;
  terms: UserTerms;
}) {
  const { kind, username, password, group, database, terms } = of;
  const { attributes, searchPathIn } = KIND_RULES[kind];
  const within = searchPathIn === 'database' ? { database } : {};
  return {
    allow: ['legacy_names'],
    roles: [
      {
        name: username,
        login: true,
        ...Object.fromEntries(attributes.map((attribute) => [attribute.toLowerCase(), true])),
        connection_limit: terms.connectionLimit,
        ...(terms.validUntil !== null && { valid_until: terms.validUntil.toISOString() }),
        password,
        member_of: [group],
        settings: [
          { name: 'search_path', value: DEFAULT_SEARCH_PATH, ...within },
          // Beside the rights: what PUBLIC may do is refused as well, as long as the user does not ask for the contrary.
          ...(kind === 'readonly' && !mayWrite(terms.privileges)
            ? [{ name: 'default_transaction_read_only', value: 'on', database }]
            : []),
        ],
      },
    ],
  };
}
