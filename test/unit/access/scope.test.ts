import { describe, expect, test } from 'vitest';
import type { Catalog } from '../../../domain/access/catalogs.ts';
import type { DesiredDatabase, DesiredGrant } from '../../../domain/access/document.ts';
import { databaseScope, narrowedScope } from '../../../domain/access/scope.ts';

const grant = (kind: DesiredGrant['on']['kind'], laterBy: string[] = []): DesiredGrant => ({
  ...{ on: { kind, schema: 'app', names: 'all' }, privileges: 'ALL', to: ['a'], grantOption: false, laterBy, at: 'x' },
});
const database = (asked: Partial<DesiredDatabase> = {}): DesiredDatabase => ({
  ...{
    name: 'shop',
    at: 'databases[0]',
    exactGrantees: [],
    grants: [],
    revokes: [],
    defaultPrivileges: [],
    owners: [],
  },
  ...asked,
});
const narrowed = (asked: Partial<DesiredDatabase>, held?: Record<string, Catalog[]>) => {
  const known = held && new Map(Object.entries(held).map(([name, catalogs]) => [name, new Set(catalogs)]));
  const { catalogs } = narrowedScope(database(asked), known);
  return catalogs && [...catalogs].sort();
};

describe('what must be read of a database', () => {
  test('all catalogs, unless it is narrowed', () => {
    expect(databaseScope(database({ grants: [grant('table')] })).catalogs).toBeUndefined();
  });

  test('the catalogs that grants, revokes and owners are about, and default privileges where they are asked for', () => {
    expect(narrowed({ grants: [grant('view')], revokes: [grant('routine')] })).toEqual(['routine', 'table']);
    expect(
      narrowed({ owners: [{ on: { kind: 'type', schema: 'app', names: ['mood'] }, owner: 'a', at: 'x' }] }),
    ).toEqual(['type']);
    expect(narrowed({ grants: [grant('sequence', ['maker'])] })).toEqual(['default', 'table']);
    expect(narrowed({})).toEqual([]);
  });

  test('with exact grantees those in which they hold something, and default privileges', () => {
    const exact = { exactGrantees: ['a'], grants: [grant('table')] };
    expect(narrowed(exact, { shop: ['routine'], other: ['type'] })).toEqual(['default', 'routine', 'table']);
    expect(narrowed(exact, {})).toEqual(['default', 'table']);
    expect(narrowed(exact)).toBeUndefined();
  });

  test('which tables sequences follow, only where owners are asked for', () => {
    const owners = [{ on: { kind: 'table', schema: 'app', names: 'all' }, owner: 'a', at: 'x' } as const];
    expect(databaseScope(database({ owners })).ownedSequences).toBe(true);
    expect(databaseScope(database()).ownedSequences).toBe(false);
  });
});
