import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AclEntry } from '../../../../domain/access/observed.ts';
import { maskOf, PRIVILEGES, type PrivilegeName } from '../../../../domain/access/privileges.ts';
import { createAclReader } from '../../../../platform/target/catalog/acl-text.ts';

const read = (text: string) => createAclReader().read(text);

/** `putid` of src/backend/utils/adt/acl.c. */
function writeName(name: string): string {
  return /^[A-Za-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** `aclitemout` of the same file. */
function writeItem({ grantee, grantor, privileges, grantable }: AclEntry): string {
  const letters = Object.values(PRIVILEGES).map(({ letter, bit }) => {
    if ((privileges & bit) === 0) return '';
    return (grantable & bit) === 0 ? letter : `${letter}*`;
  });
  return `${writeName(grantee)}=${letters.join('')}/${writeName(grantor)}`;
}

const names = fc.oneof(
  fc.string({
    minLength: 1,
    unit: fc.constantFrom('a', '7', '_', '"', ',', '=', '/', '\n', ' ', '\\', '*', 'é', '語', '{'),
  }),
  fc.string({ minLength: 1, unit: 'binary' }).filter((name) => !name.includes('\0')),
);
const masks = fc.subarray(Object.keys(PRIVILEGES) as PrivilegeName[]).map(maskOf);
const entries: fc.Arbitrary<AclEntry> = fc
  .record({ grantee: fc.oneof(names, fc.constant('')), grantor: names, privileges: masks, options: masks })
  .map(({ options, ...entry }) => ({ ...entry, grantable: entry.privileges & options }));

describe('access control lists as text', () => {
  test('every list that the server can write is read as it was', () => {
    fc.assert(
      fc.property(fc.array(entries, { maxLength: 6 }), (list) => {
        expect(read(list.map(writeItem).join(','))).toEqual(list);
      }),
    );
  });

  test('a name in quotes may hold every character of the syntax', () => {
    expect(read('"a=r/b,""c""=w*/d"=r*w/"x,y"')).toEqual([
      {
        grantee: 'a=r/b,"c"=w*/d',
        grantor: 'x,y',
        privileges: maskOf(['SELECT', 'UPDATE']),
        grantable: maskOf(['SELECT']),
      },
    ]);
  });

  test('an item without grantee is for PUBLIC; letters of later servers are left out with their grant option', () => {
    expect(read('=r?*w/owner')).toEqual([
      { grantee: '', grantor: 'owner', privileges: maskOf(['SELECT', 'UPDATE']), grantable: 0 },
    ]);
  });

  test('an empty list has no entries', () => {
    expect(read('')).toEqual([]);
  });

  test.each(['nonsense', 'a=r', 'a/b', '"a=r/b'])('%s is not a list', (text) => {
    expect(() => read(text)).toThrow('not an access control list item');
  });

  test('equal texts give the same frozen list, equal items the same frozen entry', () => {
    const reader = createAclReader();
    const one = reader.read('a=r/o,b=w/o');
    const other = reader.read('b=w/o');
    expect(reader.read('a=r/o,b=w/o')).toBe(one);
    expect(other[0]).toBe(one[1]);
    expect(Object.isFrozen(one) && Object.isFrozen(one[0])).toBe(true);
  });
});
