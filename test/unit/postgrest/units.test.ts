import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explainCheck } from '../../../domain/services/check-output.ts';
import { otherUnit, UNIT_PATTERN, unitsOf } from '../../../domain/services/units.ts';
import { applicationNameOf } from '../../../platform/runtime/application-name.ts';

const identifier = fc.stringMatching(/^[a-z0-9]{1,36}(-[a-z0-9]{1,36}){0,2}$/);
const unit = fc.tuple(identifier, fc.constantFrom(0, 1)).map(([id, slot]) => unitsOf(id)[slot] ?? id);

describe('units', () => {
  test('each of the two is the other of the other, and no instance id is the second of another', () => {
    fc.assert(
      fc.property(identifier, identifier, (instanceId, other) => {
        const [first, second] = unitsOf(instanceId);
        expect(otherUnit({ instanceId, unit: first })).toBe(second);
        expect(otherUnit({ instanceId, unit: second })).toBe(first);
        expect(unitsOf(other)[0]).not.toBe(second);
        for (const each of [first, second]) expect(each).toMatch(UNIT_PATTERN);
      }),
    );
  });

  test.each(['', 'a--c', 'a--b--b', '../a', 'a/b', 'A', '-a', '--b'])('"%s" is no unit id', (id) => {
    expect(id).not.toMatch(UNIT_PATTERN);
  });
});

describe('the application name of a unit', () => {
  test('is readable where it fits', () => {
    expect(applicationNameOf('shop-api-host-1')).toBe('pgsteward/shop-api-host-1');
    expect(applicationNameOf('shop-api-host-1--b')).toBe('pgsteward/shop-api-host-1--b');
  });

  test('is never cut by PostgreSQL, and different for every unit', () => {
    fc.assert(
      fc.property(unit, unit, (one, other) => {
        const names = [one, other].map(applicationNameOf);
        for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
        expect(names[0] === names[1]).toBe(one === other);
      }),
    );
  });

  test('differs between both slots of the longest instance ids', () => {
    const [first, second] = unitsOf(`${'d'.repeat(36)}-${'s'.repeat(17)}-${'h'.repeat(36)}`).map(applicationNameOf);
    expect(first).not.toBe(second);
    expect(first).toHaveLength(63);
  });
});

describe('the reason of a refused configuration', () => {
  test.each([
    [
      'a wrong password',
      String.raw`{"code":"PGRST000","details":"connection to server at \"10.0.0.1\", port 5432 failed: FATAL:  password authentication failed for user \"app\"\n"}`,
      'connection to server at "10.0.0.1", port 5432 failed: FATAL:  password authentication failed for user "app"',
      false,
    ],
    [
      'no server',
      String.raw`{"details":"connection to server at \"127.0.0.1\", port 1 failed: Connection refused\n\tIs the server running?\n"}`,
      'connection to server at "127.0.0.1", port 1 failed: Connection refused',
      true,
    ],
    [
      'no name',
      String.raw`(Just "could not translate host name \"db.invalid\" to address: Name does not resolve\n")`,
      'could not translate host name "db.invalid" to address: Name does not resolve',
      true,
    ],
    [
      'a file',
      'postgrest: /app/data/jwt: withBinaryFile: does not exist',
      /a file that its configuration names/,
      false,
    ],
    [
      'its text',
      'postgrest: FatalError {fatalErrorMessage = "Error in config canary"}',
      'its configuration is not valid',
      false,
    ],
    ['anything else', 'postgrest: canary', 'for a reason that is not shown, because it may hold secrets', false],
  ])('%s', (_what, output, reason, passing) => {
    const found = explainCheck(output);
    expect(found.reason).toMatch(reason);
    expect(found.reason).not.toContain('canary');
    expect(found.passing).toBe(passing);
  });
});
