import { describe, expect, test, vi } from 'vitest';
import { createScramKeyMemory, scramClientKeys } from '../../../platform/scram/client-keys.ts';
import { answerScramChallenge, type ScramChallenge } from '../../../platform/scram/exchange.ts';
import { scramVerifier } from '../../../platform/scram/verifier.ts';

/** RFC 7677, section 3. */
const EXAMPLE: ScramChallenge = {
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  password: 'pencil',
  maxIterations: 4096,
  keysOf: scramClientKeys,
};

test('a challenge is answered as the example of RFC 7677 is', async () => {
  expect(await answerScramChallenge(EXAMPLE)).toEqual({
    response:
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    serverSignature: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  });
});

test('a client that could have bound its channel says so in its answer as well', async () => {
  const { response } = await answerScramChallenge({ ...EXAMPLE, clientFirst: 'y,,n=user,r=rOprNGfwEbeRWgbNEkqO' });
  expect(response).toMatch(/^c=eSws,/);
});

describe('a challenge is not answered', () => {
  const refused: [what: string, change: Partial<ScramChallenge>, words: RegExp][] = [
    [
      'with a nonce that does not begin with ours',
      { serverFirst: 'r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096' },
      /nonce/,
    ],
    ['with nothing but our nonce', { serverFirst: 'r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096' }, /nonce/],
    ['without a salt', { serverFirst: 'r=rOprNGfwEbeRWgbNEkqO1,i=4096' }, /malformed/],
    ['with no iteration at all', { serverFirst: 'r=rOprNGfwEbeRWgbNEkqO1,s=W22Z,i=0' }, /malformed/],
    ['that would keep us busy', { maxIterations: 4095 }, /4096 iterations/],
  ];
  test.each(refused)('%s', async (_what, change, words) => {
    const keysOf = vi.fn(scramClientKeys);
    await expect(answerScramChallenge({ ...EXAMPLE, ...change, keysOf })).rejects.toThrow(words);
    expect(keysOf).not.toHaveBeenCalled();
  });
});

describe('remembered keys', () => {
  const salt = Buffer.from('0123456789abcdef');

  test('are those of a verifier of the same password', async () => {
    const keysOf = createScramKeyMemory();
    const verifier = await scramVerifier({ password: 'pencil', iterations: 64, salt });
    const { storedKey, serverKey } = await keysOf({ password: 'pencil', iterations: 64, salt });
    expect(verifier.endsWith(`$${storedKey.toString('base64')}:${serverKey.toString('base64')}`)).toBe(true);
  });

  test('are made once for logins that begin at the same moment', async () => {
    const keysOf = createScramKeyMemory();
    const input = { password: 'pencil', iterations: 64, salt };
    const [first, second] = await Promise.all([keysOf(input), keysOf({ ...input, salt: Buffer.from(salt) })]);
    expect(second).toBe(first);
  });

  test.each([
    ['password', { password: 'Pencil' }],
    ['salt', { salt: Buffer.from('0123456789abcdeF') }],
    ['iteration count', { iterations: 65 }],
  ])('are not those of another %s', async (_what, change) => {
    const keysOf = createScramKeyMemory();
    const input = { password: 'pencil', iterations: 64, salt };
    await keysOf(input);
    expect(await keysOf({ ...input, ...change })).toEqual(await scramClientKeys({ ...input, ...change }));
    expect((await keysOf({ ...input, ...change })).clientKey).not.toEqual((await scramClientKeys(input)).clientKey);
  });
});
