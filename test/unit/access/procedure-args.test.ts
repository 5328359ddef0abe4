import { expect, test } from 'vitest';
import type { ObservedObject } from '../../../domain/access/observed.ts';
import { tellProceduresApart } from '../../../platform/target/catalog/procedure-args.ts';

const procedure = (name: string, args: string, allTypes = args) => {
  const object: ObservedObject = { kind: 'routine', schema: 'app', name, args, oid: 1, owner: 'owner', acl: [] };
  return { object, allTypes };
};

/** Argument types as they are written in the end. */
function written(...procedures: ReturnType<typeof procedure>[]): (string | undefined)[] {
  tellProceduresApart(procedures);
  return procedures.map(({ object }) => object.args);
}

test('a list that another procedure has with its OUT arguments is written with modes', () => {
  expect(written(procedure('pay', 'integer, text'), procedure('pay', 'integer', 'integer, text'))).toEqual([
    'IN integer, IN text',
    'integer',
  ]);
});

test('a comma in the name of a type does not part it', () => {
  const args = '"a, ""b"""[], double precision';
  expect(written(procedure('pay', args), procedure('pay', '', args))[0]).toBe('IN "a, ""b"""[], IN double precision');
});

test('other names, other types and INOUT arguments change nothing', () => {
  expect(
    written(procedure('pay', 'integer'), procedure('refund', '', 'integer'), procedure('pay', 'text', 'text')),
  ).toEqual(['integer', '', 'text']);
});
