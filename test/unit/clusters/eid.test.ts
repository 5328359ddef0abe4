import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eidOf, isEid, uuidOf } from '../../../domain/clusters/eid.ts';

/** Published ids, and the ends of the range. */
const VECTORS: readonly (readonly [uuid: string, eid: string])[] = [
  ['8d4bfd83-ff76-4b2a-8a73-8e0812c5ab23', 'rvf73a77ozfsvcttryebfrnlem'],
  ['85456e1f-0b75-4d8c-86d9-7f7616316730', 'qvcw4hylovgyzbwzp53bmmlhga'],
  ['200959a5-141e-490f-8650-085e890a8d1f', 'eaevtjiudzeq7bsqbbpiscund4'],
  ['00010203-0405-0607-0809-0a0b0c0d0e0f', 'aaaqeayeaudaocajbifqydiob4'],
  ['00000000-0000-0000-0000-000000000000', 'a'.repeat(26)],
  ['ffffffff-ffff-ffff-ffff-ffffffffffff', `${'7'.repeat(25)}4`],
];

describe('EIDs', () => {
  test.each(VECTORS)('%s is %s', (uuid, eid) => {
    expect([eidOf(uuid), uuidOf(eid)]).toEqual([eid, uuid]);
  });

  test('give every UUID back', () => {
    fc.assert(fc.property(fc.uuid(), (uuid) => uuidOf(eidOf(uuid)) === uuid));
  });

  test('have one form: what a lax decoder reads as the same bits is refused', () => {
    const [, eid = ''] = VECTORS[0] ?? [];
    const others = [...'abcdefghijklmnopqrstuvwxyz234567'].filter((last) => isEid(eid.slice(0, -1) + last));
    expect(others.join('')).toBe('aeimquy4');
    expect(uuidOf('rvf73a77ozfsvcttryebfrnlen')).toBeUndefined();
  });

  test.each([
    '',
    'rvf73a77ozfsvcttryebfrnle',
    'rvf73a77ozfsvcttryebfrnlema',
    'RVF73A77OZFSVCTTRYEBFRNLEM',
    '0vf73a77ozfsvcttryebfrnlem',
    'rvf73a77ozfsvcttryebfrnlem\n',
    'u_qvcw4hylovgyzbwzp53bmmlhga',
    '8d4bfd83-ff76-4b2a-8a73-8e0812c5ab23',
  ])('are nothing like %j', (text) => {
    expect([isEid(text), uuidOf(text)]).toEqual([false, undefined]);
  });
});
