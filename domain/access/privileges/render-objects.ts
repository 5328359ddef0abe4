import { quoteIdentifier } from '../../sql/quote.ts';
import type { GrantPrivileges, RevokePrivileges } from '../changes.ts';
import { addToGroup, getOrAdd } from '../groups.ts';
import { OBJECT_KINDS } from '../objects.ts';
import type { ObjectRef } from '../observed.ts';
import type { PlannedStatement, PlanStep } from '../plan.ts';
import { namesOf, type PrivilegeMask } from '../privileges.ts';
import { granteeSql, refSql } from '../refs.ts';
import type { ActingRole } from './acting-role.ts';
import { batchPairs, chunks, type Pair } from './batch.ts';
import { compareTexts } from './contents-index.ts';
import { describeGrantees, describeObjects, describePrivileges } from './describe.ts';

type RightsChange = GrantPrivileges | RevokePrivileges;

/** A statement locks a row per object and rewrites it per grantee: long enough for few round trips, short enough to read. */
const OBJECTS_PER_STATEMENT = 200;
const GRANTEES_PER_STATEMENT = 200;

/**
 * GRANT and REVOKE of one database (or of all databases themselves) in few statements: revokes first, then grants. Schemas give
 * before that and take after it, because owners and grantors must reach what lies in them. What depends on its order within an
 * object keeps it.
 */
export function renderObjects(
  database: string | null,
  changes: readonly RightsChange[],
  actingRole: ActingRole,
): PlanStep[] {
  const bySignature = new Map<string, { form: Form; pairs: Pair<ObjectRef>[] }>();
  const add = (form: Form, pair: Pair<ObjectRef>) => {
    getOrAdd(bySignature, signatureOf(form), () => ({ form, pairs: [] })).pairs.push(pair);
  };
  const onColumns = new Map<string, ColumnGroup>();
  for (const { change, key, phase, stage } of inStages(changes)) {
    const form = formOf(change, phase, stage, actingRole(change));
    const pair = { target: change.object, key, grantee: change.grantee };
    if (change.column === undefined) add(form, pair);
    else addColumn(onColumns, form, pair, change.column);
  }
  for (const { form, columns, pair } of onColumns.values()) {
    add({ ...form, columns: [...columns].sort(compareTexts) }, pair);
  }
  return [...bySignature]
    .sort(([a], [b]) => compareTexts(a, b))
    .flatMap(([, { form, pairs }]) =>
      batchPairs(pairs).map((batch) => toStep(database, form, batch.targets, batch.grantees)),
    );
}

/** Their order. */
const PHASES = { schemas_give: 0, revokes: 1, grants: 2, schemas_take: 3, schemas_restore: 4 };

/** Everything of a statement but its objects and grantees. */
interface Form {
  phase: keyof typeof PHASES;
  stage: number;
  type: RightsChange['type'];
  keyword: string;
  privileges: PrivilegeMask;
  /** WITH GRANT OPTION or GRANT OPTION FOR. */
  option: boolean;
  cascade: boolean;
  columns: string[];
  actAs: string | undefined;
}

interface Placed {
  change: RightsChange;
  /** Of its object. */
  key: string;
  phase: Form['phase'];
  stage: number;
}

/**
 * Changes of one object can be put together, whatever their order, while they are of one type and one grantor and take nothing
 * else along; a stage is over where that ends. Grants that a later REVOKE of the same object needs belong to the revokes.
 */
function inStages(changes: readonly RightsChange[]): Placed[] {
  // Changes of one object mostly share what names it.
  const keys = new Map<ObjectRef, string>();
  const byObject = new Map<string, RightsChange[]>();
  for (const change of changes) {
    addToGroup(
      byObject,
      getOrAdd(keys, change.object, () => objectKey(change.object)),
      change,
    );
  }
  const placed: Placed[] = [];
  for (const [key, ofObject] of byObject) {
    const firstRevoke = ofObject.findIndex(({ type }) => type === 'revoke');
    const lastRevoke = ofObject.findLastIndex(({ type }) => type === 'revoke');
    let stage = 0;
    ofObject.forEach((change, index) => {
      const phase = phaseOf(change, index, firstRevoke, lastRevoke);
      const previous = placed.at(-1);
      if (index === 0 || previous?.phase !== phase) stage = 0;
      else if (!commute(previous.change, change)) stage += 1;
      placed.push({ change, key, phase, stage });
    });
  }
  return placed;
}

function phaseOf(
  { object }: RightsChange,
  index: number,
  firstRevoke: number,
  lastRevoke: number,
): keyof typeof PHASES {
  if (object.kind !== 'schema') return index <= lastRevoke ? 'revokes' : 'grants';
  if (index < firstRevoke || firstRevoke < 0) return 'schemas_give';
  return index <= lastRevoke ? 'schemas_take' : 'schemas_restore';
}

function commute(a: RightsChange, b: RightsChange): boolean {
  return a.type === b.type && a.grantor === b.grantor && !cascades(a) && !cascades(b);
}

function cascades(change: RightsChange): boolean {
  return change.type === 'revoke' && change.cascade;
}

function formOf(change: RightsChange, phase: Form['phase'], stage: number, actAs: string | undefined): Form {
  return {
    phase,
    stage,
    type: change.type,
    keyword: OBJECT_KINDS[change.object.kind].grantKeyword,
    privileges: change.privileges,
    option: change.type === 'grant' ? change.grantOption : change.grantOptionOnly,
    cascade: cascades(change),
    columns: [],
    actAs,
  };
}

/** One object and one grantee, with the columns that the same is said of. */
interface ColumnGroup {
  form: Form;
  columns: Set<string>;
  pair: Pair<ObjectRef>;
}

function addColumn(groups: Map<string, ColumnGroup>, form: Form, pair: Pair<ObjectRef>, column: string): void {
  const key = `${signatureOf(form)}\0${pair.key}\0${pair.grantee}`;
  getOrAdd(groups, key, () => ({ form, columns: new Set<string>(), pair })).columns.add(column);
}

/** Sorts like the names. */
function objectKey({ schema, name, args, kind }: ObjectRef): string {
  return `${schema ?? ''}\0${name}\0${args ?? ''}\0${kind}`;
}

/** The same for equal forms, and in the order in which statements are run. */
function signatureOf(form: Form): string {
  const { phase, stage, type, keyword, privileges, option, cascade, columns, actAs } = form;
  const order = `${PHASES[phase]}${String(stage).padStart(6, '0')}`;
  return [order, type, keyword, actAs ?? '', String(privileges).padStart(6, '0'), option, cascade, ...columns].join(
    '\0',
  );
}

function toStep(
  database: string | null,
  form: Form,
  objects: readonly ObjectRef[],
  grantees: readonly string[],
): PlanStep {
  const statements: PlannedStatement[] = [];
  if (form.actAs !== undefined) statements.push({ sql: `SET LOCAL ROLE ${quoteIdentifier(form.actAs)}` });
  for (const someObjects of chunks(objects, OBJECTS_PER_STATEMENT)) {
    for (const someGrantees of chunks(grantees, GRANTEES_PER_STATEMENT)) {
      statements.push({ sql: toSql(form, someObjects, someGrantees) });
    }
  }
  if (form.actAs !== undefined) statements.push({ sql: 'RESET ROLE' });
  return {
    database,
    action: form.type === 'grant' ? 'grant privileges' : 'revoke privileges',
    summary: summaryOf(form, objects, grantees),
    statements,
    changes: objects.length * grantees.length,
  };
}

function toSql(form: Form, objects: readonly ObjectRef[], grantees: readonly string[]): string {
  const columns = form.columns.length === 0 ? '' : ` (${form.columns.map(quoteIdentifier).join(', ')})`;
  const privileges = namesOf(form.privileges)
    .map((name) => `${name}${columns}`)
    .join(', ');
  const on = `ON ${form.keyword} ${objects.map(refSql).join(', ')}`;
  const who = grantees.map(granteeSql).join(', ');
  if (form.type === 'grant') return `GRANT ${privileges} ${on} TO ${who}${form.option ? ' WITH GRANT OPTION' : ''}`;
  const option = form.option ? 'GRANT OPTION FOR ' : '';
  return `REVOKE ${option}${privileges} ${on} FROM ${who}${form.cascade ? ' CASCADE' : ''}`;
}

function summaryOf(form: Form, objects: readonly ObjectRef[], grantees: readonly string[]): string {
  const columns = form.columns.length === 0 ? '' : ` (${form.columns.join(', ')})`;
  const what = `${describePrivileges(form.privileges)}${columns} on ${describeObjects(objects)}`;
  const who = describeGrantees(grantees);
  if (form.type === 'grant') return `grant ${what} to ${who}${form.option ? ' with grant option' : ''}`;
  const by = form.actAs === undefined ? '' : ` as ${form.actAs}`;
  return `revoke ${form.option ? 'the grant option of ' : ''}${what} from ${who}${by}`;
}
