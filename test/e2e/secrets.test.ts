import { readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { servicesDirectory } from '../../activities/host/instance-records.ts';
import { taskEnded } from '../support/follow.ts';
import { containersOf, processesIn } from '../support/services.ts';
import { startTestStack, type TestStack, testRuntimes } from '../support/stack.ts';
import { filesThatHold, holders, makeCanary, VERIFIER_PREFIX } from './support/canary.ts';
import { rest, signToken } from './support/rest.ts';
import { type StoredRun, storedRuns } from './support/temporal.ts';
import { owner, tenantRequest } from './support/tenants.ts';

/** The members of answers that the search itself needs. */
interface Answer {
  task: { database_id: string; task_id: string };
  tasks: { task_id: string }[];
}

/**
 * One create that succeeds, one that fails in a script, one that is refused: then the passwords and JWT secrets are
 * searched for everywhere (R14).
 */
describe.each(testRuntimes())('passwords and JWT secrets with the %s runtime', (runtime) => {
  let stack: TestStack;
  const password = makeCanary('password');
  const jwtSecret = makeCanary('jwt-secret');
  const secrets = [password, jwtSecret];
  const answers: Record<string, string> = {};
  const outcomes: Record<string, { status: string; error?: string }> = {};

  async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await stack.request(path, {
      method,
      headers: {
        'content-type': 'application/json',
        'idempotency-key': `${method} ${path} ${Object.keys(answers).length}`,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    answers[`${Object.keys(answers).length} ${method} ${path}`] = text;
    return JSON.parse(text);
  }

  function request(id: string, scripts: { post_database_create?: string[] } = {}) {
    return tenantRequest({
      id,
      users: [owner(`${id}_user`, { password }), { username: `${id}_other`, password, attributes: ['LOGIN'] }],
      port: stack.port(id === 'kept' ? 0 : 1),
      config: { jwt_secret: jwtSecret, jwt_aud: 'shop' },
      scripts,
    });
  }

  beforeAll(async () => {
    stack = await startTestStack({ runtime });
    const lost = { post_database_create: ['CREATE TABLE t (id int)', "SELECT 'text'::int"] };
    for (const [id, scripts] of Object.entries({ kept: {}, lost })) {
      const { task } = await ask('POST', '/v1/databases', request(id, scripts));
      outcomes[id] = await taskEnded(stack, task);
    }
    // Refused: a wrong member beside the secrets, a body that is no JSON, a secret in the wrong place.
    await ask('POST', '/v1/databases', { ...request('wrong'), spec: { ...request('wrong').spec, nodes: secrets } });
    await ask('POST', '/v1/databases', `{"password": "${password}", "jwt_secret": "${jwtSecret}"`);
    await ask(
      'POST',
      '/v1/databases',
      request('wrong', { post_database_create: [`ALTER ROLE x PASSWORD '${password}'`] }),
    );
    await ask('POST', '/v1/databases', request('wrong', { post_database_create: [`SELEC '${password}'`] }));
    for (const path of ['/v1/databases', '/v1/hosts', '/v1/version', '/healthz', '/readyz']) await ask('GET', path);
    for (const id of ['kept', 'lost']) {
      await ask('GET', `/v1/databases/${id}`);
      const { tasks } = await ask('GET', `/v1/databases/${id}/tasks`);
      for (const { task_id } of tasks) {
        await ask('GET', `/v1/databases/${id}/tasks/${task_id}`);
        await ask('GET', `/v1/databases/${id}/tasks/${task_id}/log`);
      }
    }
    // Used: a login, a token that is accepted, one that is not.
    const port = stack.port(0);
    const claims = { role: 'kept_other', aud: 'shop' };
    answers.rest = JSON.stringify([
      await rest(port, '/', { token: signToken(claims, jwtSecret) }),
      await rest(port, '/', { token: signToken(claims, password) }),
      await rest(port + 1, '/notify-reload', { method: 'POST' }),
    ]);
  });
  afterAll(() => stack?.stop());

  it('were accepted by one create that succeeded and one that failed', () => {
    expect(outcomes).toMatchObject({ kept: { status: 'completed' }, lost: { status: 'failed' } });
    expect(outcomes.lost?.error).toContain('scripts.post_database_create[1]');
  });

  it('are in no answer of the API, task logs included', () => {
    expect(holders(answers, [...secrets, VERIFIER_PREFIX])).toEqual([]);
    expect(Object.keys(answers).length).toBeGreaterThan(15);
  });

  it('are in no workflow history, encrypted or decrypted, and in no search attribute or memo', async () => {
    const runs = await storedRuns(stack);
    const parts = (part: keyof StoredRun) =>
      Object.fromEntries([...runs].map(([id, run]) => [`${id} ${part}`, run[part]]));
    expect(holders(parts('history'), [...secrets, VERIFIER_PREFIX])).toEqual([]);
    expect(holders(parts('description'), [...secrets, VERIFIER_PREFIX])).toEqual([]);
    expect(holders(parts('opened'), [...secrets, VERIFIER_PREFIX])).toEqual([]);
    // The search would have found something: ids travel, and only encrypted.
    const { rows: tasks } = await stack.control.db.query<{ id: string }>('SELECT id FROM tasks');
    const taskIds = tasks.map((task) => task.id);
    expect(taskIds).toHaveLength(2);
    expect(holders(parts('opened'), taskIds)).not.toEqual([]);
  });

  it('are in no row of the metadata database', async () => {
    const { rows: tables } = await stack.control.db.query<{ name: string }>(
      `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'`,
    );
    const dump: Record<string, string> = {};
    for (const { name } of tables) {
      const { rows } = await stack.control.db.query<{ row: string }>(`SELECT t::text AS row FROM ${name} AS t`);
      dump[name] = rows.map(({ row }) => row).join('\n');
    }
    expect(holders(dump, [...secrets, VERIFIER_PREFIX])).toEqual([]);
    expect(Object.keys(dump)).toEqual(expect.arrayContaining(['secrets', 'audit_log', 'idempotency_keys', 'task_log']));
    expect(dump.secrets).toContain('database/kept/user/kept_user');
  });

  it('are in no log, neither ours nor that of PostgreSQL nor that of PostgREST', async () => {
    const ours = await stack.log();
    expect(holders({ ours }, [...secrets, VERIFIER_PREFIX])).toEqual([]);
    expect(ours.length).toBeGreaterThan(1000);
    // With log_statement = all a server's own log shows verifiers to whoever reads it; never a password.
    const target = await readFile(stack.target.logFile, 'utf8');
    expect(target).toContain(VERIFIER_PREFIX);
    expect(holders({ target, postgrest: await serviceLog(stack) }, secrets)).toEqual([]);
  });

  it('are in no command line, no environment and no container inspection', async () => {
    const pids = await servicePids(stack);
    expect(pids.length).toBeGreaterThan(0);
    const views: Record<string, string | Uint8Array> = {};
    for (const pid of pids) {
      views[`${pid} cmdline`] = await readFile(`/proc/${pid}/cmdline`);
      views[`${pid} environ`] = await readFile(`/proc/${pid}/environ`);
    }
    for (const id of await containersOf(stack.control.installationId)) {
      views[`${id} inspect`] = JSON.stringify(await new Docker().getContainer(id).inspect());
    }
    expect(holders(views, secrets)).toEqual([]);
  });

  it('are on disk in two files of the service, which only its user can read', async () => {
    const home = stack.config.home;
    const conf = join(relative(home, servicesDirectory(stack.config.host.dataDir)), 'kept-api-host-1', 'conf');
    expect(await filesThatHold(home, secrets)).toEqual([join(conf, 'jwt_secret'), join(conf, 'pgpass')]);
    const [pid] = await servicePids(stack);
    const { uid } = await stat(`/proc/${pid}`);
    for (const file of ['jwt_secret', 'pg_service.conf', 'pgpass', 'postgrest.conf']) {
      const found = await stat(join(home, conf, file));
      expect({ file, mode: found.mode & 0o777, uid: found.uid }).toEqual({ file, mode: 0o600, uid });
    }
  });
});

/** Process ids of PostgREST as the host sees them. */
async function servicePids(stack: TestStack): Promise<number[]> {
  const containers = await containersOf(stack.control.installationId);
  const inspections = await Promise.all(containers.map((id) => new Docker().getContainer(id).inspect()));
  const inContainers = inspections.map((inspection) => inspection.State.Pid).filter((pid) => pid > 0);
  return [...inContainers, ...(await processesIn(servicesDirectory(stack.config.host.dataDir)))];
}

/** What the containers' PostgREST wrote; that of processes is a file below the home directory. */
async function serviceLog(stack: TestStack): Promise<Buffer> {
  const logs = (await containersOf(stack.control.installationId)).map((id) =>
    new Docker().getContainer(id).logs({ stdout: true, stderr: true }),
  );
  return Buffer.concat(await Promise.all(logs));
}
