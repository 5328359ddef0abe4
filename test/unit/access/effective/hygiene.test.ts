import { describe, expect, it } from 'vitest';
import { listFindings } from '../../../../domain/access/effective/hygiene.ts';
import { objectOf, type StateInput, stateOf } from './support/states.ts';

const NOW = new Date('2026-05-01T00:00:00Z');

/** `kind: sentence` of every finding. */
function findings(state: StateInput): string[] {
  return listFindings(stateOf(state), { now: NOW }).findings.map(({ kind, sentence }) => `${kind}: ${sentence}`);
}

describe('findings', () => {
  it('a server without anything to look at has none', () => {
    const objects = [
      objectOf('schema app', { acl: { '': 'USAGE', app: 'CREATE' } }),
      objectOf('table app.cards', { acl: { app: 'SELECT' } }),
      objectOf('view information_schema.tables', { acl: { '': 'SELECT' } }),
    ];
    const roles = { app: {}, alice: { login: true, validUntil: '2026-05-16T00:00:00Z' } };
    expect(findings({ roles, memberships: ['app > alice'], databases: { shop: { objects } } })).toEqual([]);
  });

  it('what everybody can do is found', () => {
    const objects = [
      objectOf('schema public', { acl: { '': 'USAGE CREATE' } }),
      objectOf('table app.a', { acl: { '': 'SELECT' } }),
      objectOf('table app.b', { acl: { '': 'SELECT' } }),
    ];
    expect(findings({ roles: {}, databases: { shop: { objects } } })).toEqual([
      'public_create: everybody can create objects in schema public of database shop',
      'public_data: everybody who gets into database shop and its schemas has SELECT on 2 tables of schema app',
    ]);
  });

  it('who is exempt from row security is found, superusers aside', () => {
    const objects = [
      objectOf('table app.a', { owner: 'app', rowSecurity: true }),
      objectOf('table app.b', { rowSecurity: true }),
    ];
    expect(findings({ roles: { app: {}, dump: { bypassrls: true } }, databases: { shop: { objects } } })).toEqual([
      'exempt_from_row_security: dump has BYPASSRLS: row security does not hold for it anywhere',
      'exempt_from_row_security: app owns table app.a of database shop with row security, which does not hold for the owner and its members unless forced',
    ]);
  });

  it('passwords in md5, past or near their end are found', () => {
    const roles = {
      old: { login: true, password: 'md5' as const },
      gone: { login: true, validUntil: '2026-05-01T00:00:00Z' },
      near: { login: true, validUntil: '2026-05-03T12:00:00Z' },
      group: { validUntil: '2026-01-01T00:00:00Z' },
    };
    expect(findings({ roles })).toEqual([
      'md5_password: the password of old is stored as md5, which can be used without knowing it',
      'password_expired: the password of gone was valid until 2026-05-01T00:00:00Z',
      'password_expires_soon: the password of near is valid until 2026-05-03T12:00:00Z, 3 more days',
    ]);
  });

  it('a membership that several roles granted is found', () => {
    const memberships = ['app > alice by postgres', 'app > alice by admin', 'app > bob'];
    expect(findings({ roles: { app: {}, alice: {}, bob: {} }, memberships })).toEqual([
      'several_grantors: alice is a member of app by grants of admin and postgres: it stays one until all of them revoke',
    ]);
  });

  it('a list that is half full is found, one entry less is not', () => {
    const acl = (size: number) => Object.fromEntries(Array.from({ length: size }, (_, at) => [`g${at}`, 'SELECT']));
    const state = (size: number) => ({
      roles: {},
      databases: { shop: { objects: [objectOf('table app.a', { acl: acl(size) })] } },
    });
    expect(findings(state(1_199))).toEqual([]);
    expect(findings(state(1_200))).toEqual([
      'acl_headroom: table app.a of database shop has grants to 1200 grantees; about 2400 fit',
    ]);
  });

  it('direct grants to logins are found, once for each login and database; owners hold theirs by right', () => {
    const objects = [
      objectOf('table app.a', { acl: { alice: 'SELECT' } }),
      objectOf('table app.b', { columns: { id: { alice: 'SELECT' } } }),
      objectOf('table app.c', { owner: 'alice', acl: { alice: 'SELECT' } }),
    ];
    expect(findings({ roles: { alice: { login: true } }, databases: { shop: { objects } } })).toEqual([
      'direct_grants: alice can log in and has direct grants on 2 tables of schema app of database shop, rather than through a group',
    ]);
  });

  it('a kind with many findings is cut, and the rest counted', () => {
    const roles = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`r${at}`, { bypassrls: true }]));
    const { findings: found, more } = listFindings(stateOf({ roles }), { now: NOW });
    expect(found).toHaveLength(50);
    expect(more).toEqual({ exempt_from_row_security: 10 });
  });
});
