import { OBJECT_KINDS, type ObjectKind } from '../../domain/access/objects.ts';
import type { ObjectRef, ObservedServer } from '../../domain/access/observed.ts';
import { ApiError } from '../errors.ts';

/** One identifier: bare, or in double quotes with inner ones doubled. */
const IDENTIFIER = /^(?:"((?:[^"]|"")+)"|([^".()\s]+))/;

/**
 * An object as people write it: `app.orders`, `"My schema"."t"`, `app.pay(integer)`. Bare names are taken as they are, in upper
 * case too.
 * @throws ApiError 400 for another form, 404 for an object that is not there
 */
export function findNamedObject(
  observed: ObservedServer,
  named: { database: string; kind: ObjectKind; text: string },
): ObjectRef {
  const { database, kind, text } = named;
  if (kind === 'database') return { kind, schema: null, name: database };
  const { names, args } = split(text);
  const { inSchema } = OBJECT_KINDS[kind];
  const [schema, name] = inSchema ? names : [null, names[0]];
  if (names.length !== (inSchema ? 2 : 1) || name === undefined || schema === undefined) {
    throw new ApiError('invalid_input', `object: must be ${inSchema ? 'schema.name' : 'a name'}, quoted where needed`);
  }
  const objects = observed.databases.get(database)?.contents?.objects ?? [];
  const found = objects.filter(
    (object) =>
      object.kind === kind &&
      object.schema === schema &&
      object.name === name &&
      (args === undefined || object.args?.replaceAll(/\s/g, '') === args.replaceAll(/\s/g, '')),
  );
  const [first, ...others] = found;
  if (first === undefined) {
    throw new ApiError('not_found', `database ${database} has no ${kind.replaceAll('_', ' ')} ${text}`);
  }
  if (others.length > 0) {
    const forms = found.map((object) => `${name}(${object.args ?? ''})`).join(', ');
    throw new ApiError('invalid_input', `object: ${text} is several; name its arguments: ${forms}`);
  }
  const { oid: _, acl: __, owner: ___, ...ref } = first;
  return { kind: ref.kind, schema: ref.schema, name: ref.name, ...(ref.args === undefined ? {} : { args: ref.args }) };
}

function split(text: string): { names: string[]; args: string | undefined } {
  const names: string[] = [];
  let rest = text.trim();
  for (;;) {
    const match = IDENTIFIER.exec(rest);
    if (match === null) throw new ApiError('invalid_input', `object: cannot read ${JSON.stringify(text)} as a name`);
    names.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    rest = rest.slice(match[0].length);
    if (!rest.startsWith('.')) break;
    rest = rest.slice(1);
  }
  if (rest === '') return { names, args: undefined };
  const args = /^\((.*)\)$/s.exec(rest)?.[1];
  if (args === undefined) throw new ApiError('invalid_input', `object: cannot read ${JSON.stringify(text)} as a name`);
  return { names, args };
}
