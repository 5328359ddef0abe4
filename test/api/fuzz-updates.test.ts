import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { expectRefusal, placesIn, replaced, value } from './support/fuzz.ts';
import { rowCounts } from './support/records.ts';
import { bareRequest } from './support/requests.ts';

const ID = 'fuzzed';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  // What is accepted stays pending: acceptance alone is at stake here.
  await stack.controlWorker.stop();
  const { status } = await stack.call('POST', '/v1/databases', bareRequest(ID));
  expect(status).toBe(200);
});
afterAll(() => stack?.stop());

/** As if the last task had come to its end. */
async function asMade(): Promise<void> {
  await stack.control.db.query(`UPDATE tasks SET status = 'completed' WHERE entity_id = $1`, [ID]);
  await stack.control.db.query(`UPDATE databases SET state = 'available', provisioned = true WHERE id = $1`, [ID]);
}

const record = async () =>
  (await stack.control.db.query('SELECT spec, state, epoch FROM databases WHERE id = $1', [ID])).rows[0];

const places = placesIn({ spec: bareRequest(ID).spec });
const anyUpdate = fc
  .tuple(fc.nat({ max: 10_000 }), value)
  .map(([place, by]) => replaced({ spec: bareRequest(ID).spec }, places[place % places.length] ?? [], by))
  .map((document) => JSON.stringify(document) ?? '');
const send = (query: string, body: string) =>
  stack.request(`/v1/databases/${ID}${query}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  });

test('whatever one member of a good update becomes, it is accepted or refused, and a refusal stores nothing', async () => {
  const answered = new Set<number>();
  await fc.assert(
    fc.asyncProperty(
      anyUpdate,
      fc.constantFrom('', '?force_update=true', '?remove_host=host-2'),
      async (body, query) => {
        await asMade();
        const [rows, before] = [await rowCounts(stack), await record()];
        const response = await send(query, body);
        answered.add(response.status);
        if (response.status === 200) return;
        await expectRefusal(stack, response, rows);
        expect(await record()).toEqual(before);
      },
    ),
    { numRuns: 200 },
  );
  expect([...answered]).toEqual(expect.arrayContaining([200, 400]));
});

test('with dry_run nothing is ever stored', async () => {
  await asMade();
  const [rows, before] = [await rowCounts(stack), await record()];
  await fc.assert(
    fc.asyncProperty(anyUpdate, async (body) => {
      const response = await send('?dry_run=true', body);
      if (response.status !== 200) await expectRefusal(stack, response, rows);
    }),
    { numRuns: 100 },
  );
  expect([await rowCounts(stack), await record()]).toEqual([rows, before]);
});
