import { describe, expect, test } from 'vitest';
import { passwordChecks } from '../../../domain/servers/password-checks.ts';
import type { ServerFacts } from '../../../domain/servers/probe.ts';
import { serverWarnings } from '../../../domain/servers/warnings.ts';

const FACTS: ServerFacts = {
  systemIdentifier: '1',
  versionNum: 180_004,
  admin: {
    name: 'steward',
    superuser: false,
    createrole: true,
    createdb: true,
    replication: true,
    bypassrls: true,
    connectionLimit: -1,
    signalsBackends: true,
    readsPasswords: true,
    unsettable: [],
    unadministered: { count: 0, names: [] },
  },
  limits: { maxConnections: 100, reserved: 3, inUse: 1 },
  passwords: { encryption: 'scram-sha-256', scramIterations: 4096, preloaded: [], extensions: [], settings: {} },
  marks: { roles: [], settings: [] },
};

function withPasswords(passwords: Partial<ServerFacts['passwords']>): ServerFacts {
  return { ...FACTS, passwords: { ...FACTS.passwords, ...passwords } };
}

const registered = { tlsMode: 'verify-full', allowPlainTextPasswords: false } as const;

describe('an extension that judges passwords is recognised', () => {
  test.each([
    ['credcheck, by its library', { preloaded: ['credcheck'] }, 'credcheck', true],
    ['credcheck, by a path', { preloaded: ['$libdir/credcheck.so'] }, 'credcheck', true],
    [
      'credcheck, by a parameter only',
      { preloaded: null, settings: { 'credcheck.username_min_length': '1' } },
      'credcheck',
      true,
    ],
    [
      'credcheck that lets verifiers pass',
      { settings: { 'credcheck.encrypted_password_allowed': 'on' } },
      'credcheck',
      false,
    ],
    ['passwordpolicy, by its extension', { extensions: ['passwordpolicy'] }, 'passwordpolicy', false],
    ['pg_tle with a function that judges', { settings: { 'pgtle.enable_password_check': 'require' } }, 'pg_tle', null],
  ])('%s', (_what, passwords, name, refusesVerifiers) => {
    expect(passwordChecks(withPasswords(passwords))).toEqual([{ name, refusesVerifiers }]);
  });

  test('and pg_tle that judges nothing is not one', () => {
    expect(passwordChecks(withPasswords({ settings: { 'pgtle.enable_password_check': 'off' } }))).toEqual([]);
  });
});

describe('a warning', () => {
  test.each([
    [
      'that verifiers are refused',
      withPasswords({ preloaded: ['credcheck'] }),
      registered,
      /allow_plain_text_passwords/,
    ],
    ['that MD5 is used for passwords in the clear', withPasswords({ encryption: 'md5' }), registered, /MD5 hashes/],
    [
      'that TLS does not prove the server',
      FACTS,
      { ...registered, tlsMode: 'require' as const },
      /TLS mode is require/,
    ],
    ['that CREATEROLE is nearly SUPERUSER', { ...FACTS, versionNum: 150_018 }, registered, /nearly SUPERUSER/],
    [
      'that few connections are left',
      { ...FACTS, limits: { maxConnections: 20, reserved: 3, inUse: 12 } },
      registered,
      /12 of 17 connections/,
    ],
    [
      'that passwords in the clear may reach somebody else',
      FACTS,
      { tlsMode: 'verify-ca' as const, allowPlainTextPasswords: true },
      /TLS does not prove who receives them/,
    ],
  ])('says %s', (_what, facts, as, pattern) => {
    expect(serverWarnings(FACTS, registered)).toEqual([]);
    expect(serverWarnings(facts, as)).toContainEqual(expect.stringMatching(pattern));
  });

  test('about refused verifiers goes when passwords may be sent in the clear', () => {
    const allowed = { ...registered, allowPlainTextPasswords: true };
    expect(serverWarnings(withPasswords({ preloaded: ['credcheck'] }), allowed)).toEqual([]);
  });
});
