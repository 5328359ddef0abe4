import { createHmac } from 'node:crypto';
import saslprepByRfc from '@mongodb-js/saslprep';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assertPasswordAllowed } from '../../../platform/scram/password.ts';
import { saslprep } from '../../../platform/scram/saslprep.ts';
import { isScramVerifier, scramVerifier, verifierMatches } from '../../../platform/scram/verifier.ts';
import { verifiersMadeByPostgres } from './single-user-postgres.ts';

const RFC_7677 = {
  password: 'pencil',
  salt: Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'),
  authMessage:
    'n=user,r=rOprNGfwEbeRWgbNEkqO,' +
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,' +
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  serverSignature: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};

/** Made by PostgreSQL 15.18 with ALTER ROLE … PASSWORD. */
const POSTGRES_15 = [
  {
    password: 'p@ss:w/or"d\\$(HOME)%%é',
    verifier:
      'SCRAM-SHA-256$4096:KEGLPkVJEtt+6QXrK4Hq+Q==$ytjUxGHj1rOw0Ax/+g1EV5Nrg86v3f5MkJHnEpWIa5U=:m2TC9MVHBj58D3s0KmGSbR+A0pZzOae2Ce2/LaEVn0I=',
  },
  {
    password: 'I⅓ ﬁne',
    verifier:
      'SCRAM-SHA-256$4096:8Ek3AN9CmuIMYI+eO5XysA==$Gby4r6e659N6b2bHUNuCSd0ofzqjA9eCfDo4rzpz1vo=:5+PzqVAR4sqyIAi+KQ/Rl1wzDrQEW3kCkND/6sQXqjc=',
  },
];

const [VALID] = POSTGRES_15.map(({ verifier }) => verifier);

describe('verifiers', () => {
  test('the server key signs the example exchange of RFC 7677', async () => {
    const verifier = await scramVerifier({ password: RFC_7677.password, salt: RFC_7677.salt, iterations: 4096 });
    const serverKey = Buffer.from(verifier.slice(verifier.lastIndexOf(':') + 1), 'base64');
    const signature = createHmac('sha256', serverKey).update(RFC_7677.authMessage).digest('base64');
    expect(signature).toBe(RFC_7677.serverSignature);
    expect(verifier).toBe(
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    );
  });

  test.each(POSTGRES_15)('a verifier of PostgreSQL 15 is made again, byte by byte: $password', async (vector) => {
    const salt = Buffer.from(vector.verifier.split(/[:$]/)[2] ?? '', 'base64');
    expect(await scramVerifier({ password: vector.password, salt, iterations: 4096 })).toBe(vector.verifier);
  });

  test('two verifiers of one password differ, and both match it and nothing else', async () => {
    const [first, second] = await Promise.all([verifierOf('pässword'), verifierOf('pässword')]);
    expect(first).not.toBe(second);
    for (const verifier of [first, second]) {
      expect(isScramVerifier(verifier)).toBe(true);
      expect(await verifierMatches('pässword', verifier)).toBe(true);
      expect(await verifierMatches('passw0rd', verifier)).toBe(false);
    }
  });

  test('iterations are those asked for', async () => {
    expect(await verifierOf('x', 10_000)).toMatch(/^SCRAM-SHA-256\$10000:/);
  });

  test.each([
    ['nothing', ''],
    ['a password', 'SCRAM-SHA-256'],
    ['an md5 hash', 'md5a9f87a0bb2e86a2ea8d5e3d7f1a1f8a4'],
    ['leading space', ` ${VALID}`],
    ['a line break at the end', `${VALID}\n`],
    ['lower case', VALID?.toLowerCase()],
    ['no iterations', VALID?.replace('4096', '0')],
    ['more iterations than an int holds', VALID?.replace('4096', '2147483648')],
    ['base64 without padding', VALID?.replace('KEGLPkVJEtt+6QXrK4Hq+Q==', 'KEGLPkVJEtt+6QXrK4Hq+Q')],
    ['base64 for URLs', VALID?.replace('+6QXrK4', '-6QXrK4')],
    ['keys of another length', VALID?.replace('ytjUxGHj', '')],
    ['a missing server key', VALID?.slice(0, VALID.lastIndexOf(':'))],
    ['more than PostgreSQL stores', VALID?.replace('KEGLPkVJEtt+6QXrK4Hq+Q==', 'A'.repeat(480))],
  ])('%s is not a verifier, and matches no password', async (_, text = '') => {
    expect(isScramVerifier(text)).toBe(false);
    expect(await verifierMatches(POSTGRES_15[0]?.password ?? '', text)).toBe(false);
  });
});

describe('preparation of passwords', () => {
  const PASSWORDS = [
    ...['plain', "quo'te", 'tab\tand\u0007bell', 'p@ss:w/or"d\\$(HOME)%é', 'e\u0301', '\u212bngström'],
    ...['soft\u00adhyphen', '\u00ad', 'no\u00a0break', 'zero\u200bwidth', 'ｆｕｌｌ', '①ﬁ', '日本語パスワード'],
    ...[
      '😀',
      '\u212b😀',
      '👨\u200d👩\u200d👧',
      'x\u2090',
      '\u0340',
      '\u00a0\u0340',
      '\u{fffff}\u212b',
      '\u{20ac}\u2122',
    ],
    ...[
      '\u05e9\u05dc\u05d5\u05dd',
      '\u05d0a',
      '\u05d0\u2122\u05d0',
      '\u05d0\u2122',
      '\u05d01',
      '\u06271\u0628',
      '\ufefb\u00ad',
    ],
  ];

  test('verifiers that the bundled PostgreSQL makes match, whatever the password is made of', async () => {
    const verifiers = await verifiersMadeByPostgres(PASSWORDS);
    expect(verifiers).toHaveLength(PASSWORDS.length);
    const matches = await Promise.all(
      PASSWORDS.map((password, index) => verifierMatches(password, verifiers[index] ?? '')),
    );
    expect(PASSWORDS.filter((_, index) => !matches[index])).toEqual([]);
  });

  test('agrees with RFC 4013 on text of everyday scripts', () => {
    const characters = fc.constantFrom(...'aZ0~éÉñçß\u00a0\u00ad\u0301ΩжЖ中あアｱＡ①ﬁ½²');
    fc.assert(
      fc.property(fc.string({ unit: characters, minLength: 1 }), (text) => {
        fc.pre(/[^\u00ad]/.test(text));
        expect(saslprep(text)).toBe(saslprepByRfc(text));
      }),
    );
  });
});

describe('passwords that are refused', () => {
  test.each([
    ['must not be empty', ''],
    ['must not contain line breaks', 'canary\n'],
    ['must not contain line breaks', '\rcanary'],
    ['must not contain the character NUL', 'can\0ary'],
    ['must be valid Unicode', 'canary\ud800'],
  ])('%s: %j', (message, password) => {
    expect(() => assertPasswordAllowed(password)).toThrow(
      expect.objectContaining({ type: 'InvalidSpec', message: `the password ${message}` }),
    );
  });

  test('everything else is allowed', () => {
    for (const password of [' ', '$$$(PATH)', 'é', '😀', '\t', 'a'.repeat(10_000)]) {
      expect(() => assertPasswordAllowed(password)).not.toThrow();
    }
  });
});

function verifierOf(password: string, iterations = 4096): Promise<string> {
  return scramVerifier({ password, iterations });
}
