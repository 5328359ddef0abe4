import { quoteIdentifier, quoteIdentifiers } from '../../sql/quote.ts';
import type { GrantDefault, RevokeDefault } from '../changes.ts';
import { getOrAdd } from '../groups.ts';
import { DEFAULT_KINDS, type DefaultKind } from '../objects.ts';
import type { PlanStep } from '../plan.ts';
import { namesOf, type PrivilegeMask } from '../privileges.ts';
import { granteeSql } from '../refs.ts';
import { batchPairs, type Pair } from './batch.ts';
import { compareTexts } from './contents-index.ts';
import { describeGrantees, describePrivileges } from './describe.ts';

type DefaultChange = GrantDefault | RevokeDefault;

/** Everything of a statement but its schemas and grantees. */
interface Form {
  type: DefaultChange['type'];
  creator: string;
  on: DefaultKind;
  privileges: PrivilegeMask;
  option: boolean;
  isGlobal: boolean;
}

/** ALTER DEFAULT PRIVILEGES of one database in few statements, revokes first. */
export function renderDefaults(database: string, changes: readonly DefaultChange[]): PlanStep[] {
  const groups = new Map<string, { form: Form; pairs: Pair<string | null>[] }>();
  for (const change of changes) {
    const { type, creator, on, privileges, schema, grantee } = change;
    const option = type === 'grant_default' ? change.grantOption : change.grantOptionOnly;
    const form: Form = { type, creator, on, privileges, option, isGlobal: schema === null };
    const { pairs } = getOrAdd(groups, signatureOf(form), () => ({ form, pairs: [] }));
    pairs.push({ target: schema, key: schema ?? '', grantee });
  }
  return [...groups]
    .sort(([a], [b]) => compareTexts(a, b))
    .flatMap(([, { form, pairs }]) =>
      batchPairs(pairs).map((batch) => toStep(database, form, batch.targets, batch.grantees)),
    );
}

function signatureOf({ type, creator, on, privileges, option, isGlobal }: Form): string {
  const order = type === 'revoke_default' ? 0 : 1;
  return [order, creator, on, isGlobal, String(privileges).padStart(6, '0'), option].join('\0');
}

function toStep(
  database: string,
  form: Form,
  schemas: readonly (string | null)[],
  grantees: readonly string[],
): PlanStep {
  const { keyword } = DEFAULT_KINDS[form.on];
  const isGrant = form.type === 'grant_default';
  const places = schemas.filter((schema) => schema !== null);
  const where = places.length === 0 ? '' : ` IN SCHEMA ${quoteIdentifiers(places)}`;
  const privileges = `${namesOf(form.privileges).join(', ')} ON ${keyword}`;
  const who = grantees.map(granteeSql).join(', ');
  const action = isGrant
    ? `GRANT ${privileges} TO ${who}${form.option ? ' WITH GRANT OPTION' : ''}`
    : `REVOKE ${form.option ? 'GRANT OPTION FOR ' : ''}${privileges} FROM ${who}`;
  return {
    database,
    action: isGrant ? 'grant default privileges' : 'revoke default privileges',
    summary: summaryOf(form, places, grantees),
    statements: [{ sql: `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteIdentifier(form.creator)}${where} ${action}` }],
    changes: schemas.length * grantees.length,
  };
}

function summaryOf(form: Form, schemas: readonly string[], grantees: readonly string[]): string {
  const where = schemas.length === 1 ? ` in schema ${schemas[0]}` : ` in ${schemas.length} schemas`;
  const objects = `${DEFAULT_KINDS[form.on].keyword.toLowerCase()} that ${form.creator} makes${schemas.length === 0 ? '' : where}`;
  const option = form.type === 'revoke_default' && form.option ? 'the grant option of ' : '';
  const what = `${option}${describePrivileges(form.privileges)} on later ${objects}`;
  const who = describeGrantees(grantees);
  if (form.type === 'revoke_default') return `revoke ${what} from ${who}`;
  return `grant ${what} to ${who}${form.option ? ' with grant option' : ''}`;
}
