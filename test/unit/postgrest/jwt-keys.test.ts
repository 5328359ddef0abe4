import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { overlapOf, readJwtKeys, withoutFormer } from '../../../domain/postgrest/jwt-keys.ts';
import { publicKeyOfPem } from '../../../platform/secrets/public-key.ts';

const SECRET = 'a-secret-key-of-at-least-32-characters';
const oct = (secret: string) => ({ kty: 'oct', k: Buffer.from(secret).toString('base64url') });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicOf = (pair: typeof rsa | typeof ec) => pair.publicKey.export({ format: 'jwk' });

describe('a jwt_secret', () => {
  test.each<[what: string, text: string, problem: RegExp | undefined]>([
    ['a secret', SECRET, undefined],
    ['a secret that begins like JSON and is none', '{x9'.padEnd(40, 'z'), undefined],
    ['a secret of 32 bytes in fewer characters', 'ü'.repeat(16), undefined],
    ['a secret that is too short', 'x'.repeat(31), /at least 32 characters/],
    ['a symmetric JWK', JSON.stringify(oct(SECRET)), undefined],
    ['an RSA key', JSON.stringify(publicOf(rsa)), undefined],
    ['an EC key', JSON.stringify(publicOf(ec)), undefined],
    ['a set of all of them', JSON.stringify({ keys: [oct(SECRET), publicOf(rsa), publicOf(ec)] }), undefined],
    ['a private RSA key', JSON.stringify(rsa.privateKey.export({ format: 'jwk' })), /is a private key/],
    [
      'a private key in a set',
      JSON.stringify({ keys: [ec.privateKey.export({ format: 'jwk' })] }),
      /keys\[0\] is a private key/,
    ],
    ['a symmetric JWK that is too short', JSON.stringify(oct('short')), /at least 32 bytes in "k"/],
    ['an RSA key that is too short', JSON.stringify({ kty: 'RSA', n: 'AQAB', e: 'AQAB' }), /2048 bits/],
    ['an EC key on another curve', JSON.stringify({ ...publicOf(ec), crv: 'secp256k1' }), /"crv" P-256/],
    [
      'JSON that is no key, which PostgREST would take for the secret',
      JSON.stringify({ key: SECRET }),
      /is JSON, and neither/,
    ],
    ['an empty set', JSON.stringify({ keys: [] }), /1 to 16 keys/],
    ['a set of anything', JSON.stringify({ keys: [SECRET] }), /keys\[0\] must be an object/],
    ['PEM', rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString(), /must not be PEM/],
  ])('%s', (_, text, problem) => {
    const read = readJwtKeys(text);
    if (problem === undefined) expect(read).not.toHaveProperty('problem');
    else expect(read).toMatchObject({ problem: expect.stringMatching(problem) });
    expect(JSON.stringify('problem' in read ? read : '')).not.toContain(SECRET);
  });
});

const read = (text: string) => {
  const keys = readJwtKeys(text);
  if ('problem' in keys) throw new Error(keys.problem);
  return keys;
};

describe('the way from one key to the next', () => {
  test('has the new key first and the former one after it, and ends with the new one as it was given', () => {
    const next = 'another-secret-key-of-at-least-32-chars-ü';
    const { text, newKeys } = overlapOf(read(next), read(SECRET));
    expect(JSON.parse(text)).toEqual({ keys: [oct(next), oct(SECRET)] });
    expect(withoutFormer(text, { newKeys, asText: true })).toBe(next);
  });

  test.each<[what: string, next: object, asWritten: object]>([
    ['a JWK', publicOf(rsa), publicOf(rsa)],
    ['a set of one', { keys: [publicOf(ec)] }, publicOf(ec)],
    ['a set', { keys: [publicOf(rsa), publicOf(ec)] }, { keys: [publicOf(rsa), publicOf(ec)] }],
    ['a symmetric JWK', oct(SECRET), oct(SECRET)],
  ])('%s stays one', (_, next, asWritten) => {
    const { text, newKeys } = overlapOf(read(JSON.stringify(next)), read(SECRET));
    expect(JSON.parse(withoutFormer(text, { newKeys, asText: false }))).toEqual(asWritten);
  });

  test('keeps every key that counted, also of a set', () => {
    const former = read(JSON.stringify({ keys: [publicOf(rsa), publicOf(ec)] }));
    expect(JSON.parse(overlapOf(read(SECRET), former).text).keys).toHaveLength(3);
  });
});

test('a public key in PEM becomes a JWK, and a private one nothing', () => {
  const pem = (pair: typeof rsa | typeof ec) => pair.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  expect(JSON.parse(publicKeyOfPem(pem(rsa)) ?? '')).toEqual(publicOf(rsa));
  expect(JSON.parse(publicKeyOfPem(pem(ec)) ?? '')).toEqual(publicOf(ec));
  expect(publicKeyOfPem(rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())).toBeUndefined();
  expect(publicKeyOfPem('-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----')).toBeUndefined();
});
