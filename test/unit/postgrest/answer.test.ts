import { expect, test } from 'vitest';
import { judgeAnswer } from '../../../domain/postgrest/answer.ts';

test('success is ready', () => {
  expect(judgeAnswer({ status: 200, body: '{}' })).toEqual({ state: 'ready' });
});

test('no answer, and a server that is still loading, is pending', () => {
  expect(judgeAnswer({ status: undefined, reason: 'connect ECONNREFUSED' })).toEqual({
    state: 'pending',
    reason: 'connect ECONNREFUSED',
  });
  const body =
    '{"code":"PGRST002","details":null,"hint":null,"message":"Could not query the database for the schema cache. Retrying."}';
  expect(judgeAnswer({ status: 503, body })).toEqual({
    state: 'pending',
    reason: '503 PGRST002 Could not query the database for the schema cache. Retrying.',
  });
});

test("a missing right is a refusal in PostgREST's own words", () => {
  const body = '{"code":"42501","details":null,"hint":"ask","message":"permission denied to set role \\"web_anon\\""}';
  expect(judgeAnswer({ status: 401, body })).toEqual({
    state: 'refused',
    reason: '401 42501 permission denied to set role "web_anon"; ask',
  });
});

test('an answer that is not from PostgREST is shown in part', () => {
  const judged = judgeAnswer({ status: 404, body: 'x'.repeat(2000) });
  expect(judged.state).toBe('refused');
  expect(JSON.stringify(judged).length).toBeLessThan(600);
});
