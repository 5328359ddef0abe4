import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Login } from '../journal.ts';
import { again, counted, pause, type Traffic, taskEnd, unexpected } from './traffic.ts';

/** A rotation as it is defined, and the file that its clients read. */
export interface Rotated {
  id: string;
  role: string;
  strategy: 'alternating' | 'in-place';
  file: string;
  database: string;
}

const LOGIN_PAUSE_MS = 250;
const TRIGGER_PAUSE_MS = 30_000;
const LOGIN_BOUND_MS = 20_000;

/**
 * A client that logs in all the time with what the file of the rotation says. With alternating logins each login succeeds, unless
 * nobody answers; in place there is a moment between the server and the file.
 */
export async function logins(traffic: Traffic, rotated: Rotated, graceMs: number): Promise<void> {
  const { journal } = traffic;
  await again(traffic, async () => {
    await delay(LOGIN_PAUSE_MS, undefined, { signal: traffic.closing }).catch(() => undefined);
    const readAt = performance.now();
    const login = await toldIn(rotated);
    if (login === undefined) return;
    journal.secret(login.password);
    const end = await tryLogin(traffic, login);
    if (end === 'ok') journal.tried.logins += 1;
    else if (end === 'unreachable') journal.tried.unreachable += 1;
    else if (rotated.strategy === 'in-place') journal.tried.inPlaceRefused += 1;
    else if (performance.now() - readAt < graceMs) {
      journal.violation(`a login of the alternating rotation of ${rotated.role} was refused: ${end}`);
    }
  });
}

/** Rotates now, beside what the schedule does. */
export async function triggers(traffic: Traffic, all: readonly Rotated[]): Promise<void> {
  const { client, journal, random } = traffic;
  await again(traffic, async () => {
    await pause(traffic, TRIGGER_PAUSE_MS);
    if (traffic.closing.aborted) return;
    const { id } = random.pick(all);
    await counted(
      traffic,
      'rotation on request',
      async () => {
        const answer = await client.call('POST', `/v1/rotations/${id}/trigger`);
        // One is under way.
        if (answer.status === 409) return 'busy';
        if (answer.status !== 202) {
          unexpected(traffic, 'rotation on request', answer);
          return 'refused';
        }
        const { server, task_id } = answer.body;
        // Several that ask at once may share a run.
        if (!journal.tasks.has(task_id)) journal.accepted({ id: task_id, kind: 'rotation', entity: server });
        const task = await taskEnd(traffic, `/v1/servers/${server}`, task_id);
        if (task.status !== 'completed') journal.violation(`a rotation ${task.status}: ${task.error}`);
        return task.status;
      },
      (status) => ({ end: status === 'completed' ? 'ok' : status === 'busy' ? 'undone' : 'failed', about: id }),
    );
  });
}

/** What the file of a rotation says; undefined before the first run. */
export async function toldIn({ file, database }: Pick<Rotated, 'file' | 'database'>): Promise<Login | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { login, password } = JSON.parse(text);
  return { user: login, password, database };
}

export const fileOf = (directory: string, role: string): string => join(directory, `${role}.json`);

/** @returns `ok`, `unreachable` where nobody answers, or why it was refused */
export async function tryLogin({ installation }: Pick<Traffic, 'installation'>, login: Login): Promise<string> {
  const { host, port, ca } = installation.target.connection;
  const client = new pg.Client({
    ...{ host, port, ssl: { ca }, ...login },
    application_name: 'soak client',
    connectionTimeoutMillis: LOGIN_BOUND_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return 'ok';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    return code.startsWith('28') && error instanceof Error ? error.message : 'unreachable';
  } finally {
    await client.end().catch(() => undefined);
  }
}
