import { SHARED_DATABASE } from '../installation.ts';
import { again, counted, pause, type Traffic, unexpected } from './traffic.ts';

export const ENVIRONMENT = 'dev';
const KINDS = ['devqa', 'devlead', 'readonly'] as const;
const PAUSE_MS = 1_000;
const place = { env: ENVIRONMENT, database: SHARED_DATABASE };

/** Makes users of an environment, gives them other passwords, locks them out and in again, and drops most of them. */
export async function users(traffic: Traffic, slot: number): Promise<void> {
  const { random, journal } = traffic;
  let made = 0;

  const ask = (kind: string, path: string, username: string, status: string) =>
    counted(
      traffic,
      `user ${kind}`,
      async () => {
        const answer = await traffic.client.call('POST', `/api/v1/users/${path}`, { ...place, username });
        // A drop that takes longer is a task.
        const done = (answer.status === 200 && answer.body.status === status) || answer.status === 202;
        if (!done) unexpected(traffic, `user ${kind}`, answer);
        return { done, answer };
      },
      ({ done }) => ({ end: done ? 'ok' : 'failed', about: username }),
    );
  const given = (username: string, password: unknown) => {
    if (typeof password === 'string') journal.handedOut({ user: username, password, database: SHARED_DATABASE });
    else journal.violation(`a user was given no password: ${JSON.stringify(password)}`);
  };

  await again(traffic, async () => {
    made += 1;
    const username = `soak_user_${slot}_${made}`;
    const { done, answer } = await ask('create', random.pick(KINDS), username, 'user created');
    if (!done) return;
    given(username, answer.body.password);
    await pause(traffic, PAUSE_MS);
    for (let change = random.int(0, 3); change > 0 && !traffic.closing.aborted; change -= 1) {
      if (random.chance(0.7)) {
        const reset = await ask('reset', 'reset', username, 'password reset');
        if (reset.done) given(username, reset.answer.body.password);
      } else {
        await ask('disable', 'disable', username, 'user disabled');
        await pause(traffic, PAUSE_MS);
        await ask('enable', 'enable', username, 'user enabled');
      }
      await pause(traffic, PAUSE_MS);
    }
    // A few stay.
    if (random.chance(0.1)) return;
    journal.gone(username);
    await ask('drop', 'drop', username, 'user dropped');
  });
}
