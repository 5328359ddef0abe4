import { quoteIdentifier } from '../sql/quote.ts';
import { OBJECT_KINDS, RELATION_KINDS } from './objects.ts';
import { type ObjectRef, PUBLIC } from './observed.ts';

/** Text that is the same for the same object of a database: for maps. Relations share one name space. */
export function refKey(ref: ObjectRef): string {
  const kind = RELATION_KINDS.has(ref.kind) ? 'relation' : ref.kind;
  return `${kind}\0${ref.schema ?? ''}\0${ref.name}\0${ref.args ?? ''}`;
}

/** For people: `table billing.cards`, `routine app.pay(integer)`. */
export function refLabel(ref: ObjectRef): string {
  const name = ref.schema === null ? ref.name : `${ref.schema}.${ref.name}`;
  return `${ref.kind.replaceAll('_', ' ')} ${name}${ref.args === undefined ? '' : `(${ref.args})`}`;
}

/** The object's name in SQL, without keyword. */
export function refSql(ref: ObjectRef): string {
  const name = quoteIdentifier(ref.name);
  const qualified = ref.schema === null ? name : `${quoteIdentifier(ref.schema)}.${name}`;
  return ref.kind === 'routine' ? `${qualified}(${ref.args ?? ''})` : qualified;
}

/** Keyword and name: `TABLE "billing"."cards"`. */
export function grantTarget(ref: ObjectRef): string {
  return `${OBJECT_KINDS[ref.kind].grantKeyword} ${refSql(ref)}`;
}

/** A grantee as documents and people write it. */
export function granteeLabel(grantee: string): string {
  return grantee === PUBLIC ? 'PUBLIC' : grantee;
}

/** A grantee in SQL. */
export function granteeSql(grantee: string): string {
  return grantee === PUBLIC ? 'PUBLIC' : quoteIdentifier(grantee);
}
