import { describe, expect, test } from 'vitest';
import { cutPage, pageOf, pageSchema } from '../../../api/clusters/paging.ts';
import { eidOf } from '../../../domain/clusters/eid.ts';

const ID = '8d4bfd83-ff76-4b2a-8a73-8e0812c5ab23';
const rows = (...names: string[]) => names.map((name) => ({ id: ID, name }));

describe('a page', () => {
  test('has 100 rows in order of their ids, unless asked otherwise', () => {
    expect(pageOf(pageSchema.parse({}))).toEqual({ orderField: 'id', order: 'asc', limit: 100 });
  });

  test.each([
    ['0', false],
    ['1', true],
    ['200', true],
    ['201', false],
    ['1.5', false],
  ])('of %s rows: %s', (limit, allowed) => {
    expect(pageSchema.safeParse({ limit }).success).toBe(allowed);
  });

  test('begins after an id, or after a name where names order', () => {
    expect(pageOf(pageSchema.parse({ cursor: eidOf(ID) })).after).toBe(ID);
    expect(pageOf(pageSchema.parse({ cursor: 'storefront', order_field: 'name' })).after).toBe('storefront');
    expect(() => pageOf(pageSchema.parse({ cursor: 'storefront' }))).toThrow('cursor: must be an EID');
  });

  test('names its last row where another page follows, and none where it does not', () => {
    const page = { orderField: 'name', order: 'asc', limit: 2 } as const;
    expect(cutPage(rows('a', 'b', 'c'), page)).toEqual({
      rows: rows('a', 'b'),
      paging: { has_more: true, next_cursor: 'b' },
    });
    expect(cutPage(rows('a', 'b', 'c'), { ...page, orderField: 'id' }).paging.next_cursor).toBe(eidOf(ID));
    expect(cutPage(rows('a', 'b'), page).paging).toEqual({ has_more: false, next_cursor: null });
    expect(cutPage(rows(), page).paging).toEqual({ has_more: false, next_cursor: null });
  });
});
