import { describe, expect, it } from 'vitest';
import { FLAVOR_GROUP_COMMENT, FLAVOR_GROUPS, installationComment } from '../../../domain/clusters/flavor-groups.ts';
import { type FlavorFacts, realiseFlavors, whyNoSuperuser } from '../../../domain/clusters/realise-flavors.ts';

const group = (name: string, memberOf: string[] = []) => ({
  name,
  comment: FLAVOR_GROUP_COMMENT,
  administered: true,
  memberOf,
});
const PREDEFINED_GROUPS = [
  group(FLAVOR_GROUPS.read, ['pg_read_all_data']),
  group(FLAVOR_GROUPS.write, ['pg_read_all_data', 'pg_write_all_data']),
];
const database = (name: string, more = {}) => ({ name, connect: true, grantsConnect: true, installed: null, ...more });

function facts(more: Partial<FlavorFacts> = {}): FlavorFacts {
  return {
    versionNum: 180_000,
    admin: { name: 'steward', superuser: true },
    grantsPredefined: true,
    groups: [],
    exposed: [],
    databases: [database('postgres')],
    ...more,
  };
}

const limited = { name: 'steward', superuser: false };
const COVER = { cover: true, guard: false };

describe('what flavors have their rights from', () => {
  it('is predefined roles where there are any and nothing secret would be shown', () => {
    expect(realiseFlavors(facts())).toEqual({
      ok: true,
      by: 'predefined',
      work: { groups: { predefined: true }, databases: [] },
    });
  });

  it('is nothing to be done where everything is there', () => {
    const realised = realiseFlavors(facts({ groups: PREDEFINED_GROUPS }));
    expect(realised).toMatchObject({ ok: true, work: { groups: undefined, databases: [] } });
  });

  it('is grants in every database on 13, and where a catalog holds a secret', () => {
    const work = { groups: { predefined: false }, databases: [{ name: 'postgres', install: COVER, connect: false }] };
    expect(realiseFlavors(facts({ exposed: ['subscription "s"'] }))).toEqual({ ok: true, by: 'grants', work });
    const old = realiseFlavors(facts({ versionNum: 130_000 }));
    expect(old).toMatchObject({ by: 'grants', work: { databases: [{ install: { cover: true, guard: true } }] } });
  });

  it('changes from predefined roles to grants when a secret appears', () => {
    const realised = realiseFlavors(facts({ groups: PREDEFINED_GROUPS, exposed: ['subscription "s"'] }));
    expect(realised).toMatchObject({ ok: true, work: { groups: { predefined: false } } });
  });

  it('looks again at a database only where what is installed there is not what is needed', () => {
    const installed = installationComment(COVER);
    const groups = [group(FLAVOR_GROUPS.read), group(FLAVOR_GROUPS.write)];
    const of = { groups, exposed: ['x'], databases: [database('a', { installed }), database('b')] };
    expect(realiseFlavors(facts(of))).toMatchObject({ work: { groups: undefined, databases: [{ name: 'b' }] } });
  });

  it('keeps readers from creating before 15, as a superuser', () => {
    const install = { cover: false, guard: true };
    expect(realiseFlavors(facts({ versionNum: 140_000 }))).toMatchObject({
      by: 'predefined',
      work: { databases: [{ name: 'postgres', install }] },
    });
    expect(realiseFlavors(facts({ versionNum: 140_000, admin: limited }))).toMatchObject({ work: { databases: [] } });
  });

  it('comes with CONNECT where PUBLIC has none', () => {
    const databases = [database('closed', { connect: false })];
    const connect = [{ name: 'closed', install: { cover: false, guard: false }, connect: true }];
    expect(realiseFlavors(facts({ databases }))).toMatchObject({ work: { databases: connect } });
    const refused = realiseFlavors(
      facts({ admin: limited, databases: [database('closed', { connect: false, grantsConnect: false })] }),
    );
    expect(refused).toEqual({
      ok: false,
      message: expect.stringContaining('GRANT CONNECT ON DATABASE "closed" TO "steward" WITH GRANT OPTION;'),
    });
  });

  it('is told as a statement where only a superuser can give it', () => {
    expect(realiseFlavors(facts({ admin: limited, grantsPredefined: false }))).toEqual({
      ok: false,
      message: expect.stringContaining('GRANT pg_read_all_data, pg_write_all_data TO "steward" WITH ADMIN OPTION;'),
    });
    const script = realiseFlavors(facts({ admin: limited, exposed: ['subscription "s"'] }));
    expect(script).toMatchObject({ ok: false, message: expect.stringContaining('CREATE EVENT TRIGGER') });
    expect(script).toMatchObject({ message: expect.stringContaining('connected to each of "postgres"') });
    const unread = realiseFlavors(facts({ admin: limited, databases: [database('x', { unread: 'no CONNECT' })] }));
    expect(unread).toMatchObject({ message: expect.stringContaining('GRANT CONNECT ON DATABASE "x" TO "steward";') });
  });

  it('is never a role that somebody else made under the name of a group', () => {
    const groups = [{ ...group(FLAVOR_GROUPS.read), comment: null }, group(FLAVOR_GROUPS.write)];
    expect(realiseFlavors(facts({ groups }))).toMatchObject({
      ok: false,
      message: expect.stringContaining('rename it'),
    });
  });
});

describe('the superuser of a cluster', () => {
  it('is missing where the control plane is no superuser, or has that name itself', () => {
    expect(whyNoSuperuser({ admin: { name: 'steward', superuser: true } })).toBeUndefined();
    expect(whyNoSuperuser({ admin: limited })).toContain('no superuser');
    expect(whyNoSuperuser({ admin: { name: 'postgres', superuser: true } })).toContain('the control plane itself');
  });
});
