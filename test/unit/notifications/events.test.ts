import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EVENT_WORDS, eventNames } from '../../../domain/notifications/events.ts';
import { isEventPattern, isWanted, matchesPattern } from '../../../domain/notifications/filter.ts';

const TASK = '0199aaaa-0000-7000-8000-000000000001';

describe('the event of an audited outcome', () => {
  test.each<[action: string, outcome: string, event: string]>([
    ['user.create', 'completed', 'user.created'],
    ['user.reset', 'completed', 'user.password_reset'],
    ['user.drop', 'completed', 'user.dropped'],
    ['user.grants', 'completed', 'grant.changed'],
    ['user.search-path', 'completed', 'user.search_path_changed'],
    ['user.disable', 'completed', 'user.disabled'],
    ['grant.change', 'completed', 'grant.changed'],
    ['database.create', 'completed', 'database.created'],
    ['database.delete', 'completed', 'database.deleted'],
    ['database.update', 'canceled', 'database.update_canceled'],
    ['database.switchover', 'completed', 'database.switched_over'],
    ['server.register', 'completed', 'server.registered'],
    ['server.apply_roles', 'failed', 'roles.apply_failed'],
    ['token.create', 'completed', 'token.created'],
    ['token.revoke', 'refused', 'token.revoke_refused'],
    ['cluster.join-token', 'revealed', 'cluster.join_token_revealed'],
  ])('%s, %s is %s', (action, outcome, event) => {
    expect(eventNames({ action, outcome, taskId: null })[0]).toBe(event);
  });

  test('has the names of its subject and of its task, too', () => {
    const failed = eventNames({ action: 'database.create', outcome: 'failed', taskId: TASK });
    expect(failed).toEqual(['database.create_failed', 'database.failed', 'task.failed']);
    expect(eventNames({ action: 'server.drop_role', outcome: 'completed', taskId: TASK })).toEqual([
      'role.dropped',
      'task.completed',
    ]);
  });

  test('has names that a pattern can be, whatever the action is called', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), (action, outcome) => {
        for (const name of eventNames({ action: `x${action}.y`, outcome: `z${outcome}`, taskId: TASK })) {
          expect(name).toMatch(/^[a-z0-9_.]+$/);
        }
      }),
    );
  });

  test('is in the documentation, where it is not called after its action', async () => {
    const text = await readFile(new URL('../../../docs/notifications.md', import.meta.url), 'utf8');
    const rows = text.split('\n').filter((line) => /^\| `[a-z_.]+` \| `[a-z_.]+` \| `[a-z_.]+` \|$/.test(line));
    expect(rows).toEqual(
      Object.entries(EVENT_WORDS).map(
        ([action, { subject, done, attempt }]) =>
          `| \`${action}\` | \`${subject}.${done}\` | \`${subject}.${attempt}_failed\` |`,
      ),
    );
  });
});

describe('a pattern', () => {
  test.each<[pattern: string, name: string, matches: boolean]>([
    ['user.created', 'user.created', true],
    ['user.created', 'user.created_again', false],
    ['user.created', 'xuser.created', false],
    ['*', 'user.created', true],
    ['user.*', 'user.password_reset', true],
    ['user.*', 'users.created', false],
    ['*_failed', 'database.create_failed', true],
    ['*.failed', 'database.create_failed', false],
    ['*.*reset', 'user.password_reset', true],
    ['d*e.*ed', 'database.created', true],
    ['ab*ba', 'aba', false],
    ['**', 'x', true],
    ['a*b*c', 'a_c_b', false],
  ])('%s and %s: %s', (pattern, name, matches) => {
    expect(isEventPattern(pattern)).toBe(true);
    expect(matchesPattern(pattern, name)).toBe(matches);
  });

  test('means what a regular expression with stars would mean', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
    const name = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
    fc.assert(
      fc.property(letters, name, (pattern, text) => {
        const expression = new RegExp(`^${pattern.replace(/\*+/g, '.*')}$`);
        expect(matchesPattern(pattern, text)).toBe(expression.test(text));
      }),
      { numRuns: 2000 },
    );
  });

  test('takes no time to speak of, however many stars it has', () => {
    const started = performance.now();
    expect(matchesPattern('a*'.repeat(50), `${'a'.repeat(100)}b`)).toBe(true);
    expect(matchesPattern(`${'a*'.repeat(50)}c`, 'a'.repeat(100))).toBe(false);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('a channel', () => {
  const created = { names: ['database.created', 'task.completed'], environment: 'prod' };

  test.each<[events: string[], environments: string[], wanted: boolean]>([
    [['database.*'], [], true],
    [['user.*', 'task.*'], [], true],
    [['user.*'], [], false],
    [['*'], ['prod', 'qa'], true],
    [['*'], ['qa'], false],
    [['*'], ['PROD'], false],
  ])('for %j in %j: %s', (events, environments, wanted) => {
    expect(isWanted({ events, environments }, created)).toBe(wanted);
  });

  test('for certain environments hears nothing of what belongs to none', () => {
    const event = { names: ['token.created'], environment: null };
    expect(isWanted({ events: ['*'], environments: ['prod'] }, event)).toBe(false);
    expect(isWanted({ events: ['*'], environments: [] }, event)).toBe(true);
  });
});
