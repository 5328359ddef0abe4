/** Every command of the documentation is run as it stands, and prints what the page shows. */
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { firstRequest } from '../../worker/dev/welcome.ts';
import { databaseIsGone } from '../dev/support/follow-api.ts';
import { type Installation, makeInstallation, type Started } from '../dev/support/npm-start.ts';
import { killProcessesBelow } from '../dev/support/processes.ts';
import { shell } from '../dev/support/shell.ts';
import { freePort } from '../support/ports.ts';
import { ROOT, readPage, runElsewhere, stepsOf } from './support/page.ts';
import { prepareForAll, readAndDo, USERS_API_PASSWORD } from './support/reader.ts';

/** Pages that look at the whole server, or change what others rely on: after all others, in this order. Keys come last. */
const ALONE = ['docs/tutorials/roles-as-code.md', 'docs/drift.md', 'docs/users.md', 'docs/production.md'];

/** Bound for hangs: the longest page starts fifty programs, a second of work each. */
const PAGE_BOUND_MS = 1_200_000;
const HOOK_BOUND_MS = 300_000;

const entries = await readdir(new URL('docs/', ROOT), { recursive: true });
const all = ['README.md', ...entries.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)].sort();
const pages = (
  await Promise.all(
    all.map(async (path) => {
      const text = await readPage(path);
      if (runElsewhere(text) !== undefined) return { path, commands: 0, hasServices: false };
      const commands = stepsOf(text).filter(({ kind }) => kind === 'commands').length;
      return { path, commands, hasServices: /\b31\d\d\b/.test(text) };
    }),
  )
).filter(({ commands }) => commands > 0);
const together = pages.filter(({ path }) => !ALONE.includes(path));
const withServices = together.filter(({ hasServices }) => hasServices);

let installation: Installation;
let started: Started;

/** Programs that pages use beside what the project brings along. */
const PROGRAMS = ['curl', 'jq', 'psql'];

beforeAll(async () => {
  await shell(`command -v ${PROGRAMS.join(' && command -v ')}`).catch(() => {
    throw new Error(`this test needs ${PROGRAMS.join(', ')} on the PATH (Debian: curl jq postgresql-client)`);
  });
  installation = await makeInstallation({
    PG_API_USER: 'pgadmin',
    PG_API_PASS: USERS_API_PASSWORD,
    PGSTEWARD_METRICS_LISTEN: `127.0.0.1:${await freePort()}`,
  });
  started = installation.start();
  await started.ready();
  await prepareForAll({ installation, startOutput: '', index: 0 });
}, HOOK_BOUND_MS);
afterAll(async () => {
  // Containers would outlive the state directory.
  if (installation !== undefined) await deleteDatabases(installation.apiUrl);
  await started?.interrupt().catch(() => undefined);
  if (installation === undefined) return;
  await killProcessesBelow(installation.home);
  await installation.remove();
}, HOOK_BOUND_MS);

async function deleteDatabases(apiUrl: string): Promise<void> {
  const list = await fetch(`${apiUrl}/v1/databases`).catch(() => undefined);
  const { databases = [] } = ((await list?.json()) ?? {}) as { databases?: { id: string }[] };
  await Promise.all(
    databases.map(async ({ id }) => {
      const answer = await fetch(`${apiUrl}/v1/databases/${id}?force=true`, { method: 'DELETE' });
      await answer.body?.cancel();
      await databaseIsGone(apiUrl, id).catch(() => undefined);
    }),
  );
}

const read = async (path: string, commands: number) => {
  const index = withServices.findIndex((page) => page.path === path);
  const place = { installation, startOutput: started.output(), index: Math.max(index, 0) };
  expect((await readAndDo(path, place)).ran).toBe(commands);
};

test('the README shows the first request that npm start prints', async () => {
  expect(await readPage('README.md')).toContain(firstRequest('host-1'));
});

describe.concurrent('the commands work as they stand in', () => {
  test.each(together)('$path', ({ path, commands }) => read(path, commands), PAGE_BOUND_MS);
});

describe('the commands work as they stand, alone, in', () => {
  test.each(ALONE.map((path) => ({ path, commands: pages.find((page) => page.path === path)?.commands ?? 0 })))(
    '$path',
    ({ path, commands }) => read(path, commands),
    PAGE_BOUND_MS,
  );
});
