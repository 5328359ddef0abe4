import { OBJECT_KINDS, type ObjectKind } from '../objects.ts';
import type { ObjectRef } from '../observed.ts';
import { namesOf, type PrivilegeMask } from '../privileges.ts';
import { granteeLabel, refLabel } from '../refs.ts';

/** For people: `SELECT, INSERT`. */
export function describePrivileges(mask: PrivilegeMask): string {
  return namesOf(mask).join(', ');
}

/** For people: `table app.orders`, `240 tables and 3 views of schema app`. Each object counts once. */
export function describeObjects(objects: readonly ObjectRef[]): string {
  const [first] = objects;
  if (first === undefined) return 'nothing';
  if (objects.length === 1) return refLabel(first);
  const counts = new Map<ObjectKind, number>();
  const schemas = new Set<string>();
  for (const { kind, schema } of objects) {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    if (schema !== null) schemas.add(schema);
  }
  const kinds = (Object.keys(OBJECT_KINDS) as ObjectKind[])
    .filter((kind) => counts.has(kind))
    .map((kind) => counted(counts.get(kind) ?? 0, kind.replaceAll('_', ' ')));
  return `${joined(kinds)}${describeSchemas([...schemas])}`;
}

function describeSchemas(schemas: readonly string[]): string {
  if (schemas.length === 0) return '';
  return schemas.length === 1 ? ` of schema ${schemas[0]}` : ` of ${schemas.length} schemas`;
}

/** For people: `1 table`, `3 tables`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** For people: `reporting`, `reporting and app`, `reporting and 3 more`. */
export function describeGrantees(grantees: readonly string[]): string {
  const labels = grantees.map(granteeLabel);
  return labels.length <= 2 ? joined(labels) : `${labels[0]} and ${labels.length - 1} more`;
}

/** `a`, `a and b`, `a, b and c`. */
function joined(texts: readonly string[]): string {
  return texts.length < 2 ? (texts[0] ?? '') : `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}`;
}
