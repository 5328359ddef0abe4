/** The command line against a running API: what it answers, and by which exit code. */
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createApp } from '../../api/app.ts';
import { insertEntry } from '../../store/registry.ts';
import { type Listener, listen } from '../../worker/listen.ts';
import { until } from '../support/follow.ts';
import { freePort } from '../support/ports.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { startTargetServer } from '../support/target.ts';
import { commandLine, program, type Ran, startProgram } from './support/command-line.ts';

let stack: TestStack;
let listener: Listener;
let directory: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  listener = await listenAt(await freePort());
  directory = await mkdtemp(join(tmpdir(), 'pgsteward-cli-'));
  // The servers of tests may run as another user.
  await chmod(directory, 0o755);
  env = { PGSTEWARD_URL: listener.url, PGSTEWARD_TOKEN_FILE: stack.config.files.adminToken };
});
afterAll(async () => {
  await listener?.stop();
  await stack?.stop();
  await rm(directory, { recursive: true, force: true });
});

function listenAt(port: number): Promise<Listener> {
  const { fetch } = createApp(stack.api);
  return listen({ address: '127.0.0.1', port, variable: 'none', owner: 'a test', fetch, tls: undefined });
}

const pgsteward = (words: string, options?: Parameters<typeof commandLine>[2]): Promise<Ran> =>
  commandLine(env, words.split(' '), options);

async function file(name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
}

describe('plan, apply and export', () => {
  const DOCUMENT = `
roles:
  - name: cli_readers
    login: false
  - { name: cli_ann, login: true, member_of: [cli_readers], password: c4nary-of-ann }
databases:
  - name: postgres
    grants:
      - on: { kind: schema, names: [public] }
        privileges: [USAGE]
        to: [cli_readers]
`;
  let roles: string;
  beforeAll(async () => {
    roles = await file('roles.yaml', DOCUMENT);
  });

  test('plan shows the difference and ends with 2 while there is one; apply makes it, and then both end with 0', async () => {
    const planned = await pgsteward(`plan -f ${roles} --server host-1`);
    expect([planned.code, planned.notes]).toEqual([2, '']);
    expect(planned.out).toMatch(/^Server host-1: \d+ changes$/m);
    expect(planned.out).toMatch(/^ {2}\+ create 2 roles: cli_readers, cli_ann$/m);
    expect(planned.out).toMatch(/^ {2}\+ grant .*cli_ann/m);
    expect(planned.out).toMatch(/^ {6}CREATE ROLE "?cli_readers"?/m);
    expect(planned.out).toMatch(/^Plan [0-9a-f]{64}$/m);
    expect((await pgsteward(`plan -f ${roles} --server host-1 --no-sql`)).out).not.toContain('CREATE ROLE');

    const applied = await pgsteward(`apply -f ${roles} --server host-1`);
    expect([applied.code, applied.out]).toEqual([0, expect.stringMatching(/^Applied by task [0-9a-f-]{36}\.$/m)]);
    expect(applied.notes).not.toBe('');
    expect(
      await stack.target.query('SELECT current_user', { user: 'cli_ann', password: 'c4nary-of-ann' }),
    ).toHaveLength(1);

    const again = await pgsteward(`plan -f ${roles} --server host-1`);
    expect([again.code, again.out]).toEqual([0, expect.stringMatching(/^Server host-1: nothing to do$/m)]);
    expect((await pgsteward(`apply -f ${roles} --server host-1`)).code).toBe(0);
    expect(planned.out + applied.out + applied.notes + again.out).not.toContain('c4nary');
  });

  test('what is taken away has a minus, and --json is the plan and nothing else', async () => {
    const less = await file('less.yaml', 'roles:\n  - { name: cli_ann, login: true, member_of: [] }\n');
    const text = await pgsteward(`plan -f ${less} -s host-1`);
    expect([text.code, text.out]).toEqual([2, expect.stringMatching(/^ {2}- revoke .*cli_readers/m)]);
    const json = await pgsteward(`plan -f ${less} -s host-1 --json`);
    expect([json.code, json.json().empty, json.json().steps.length]).toEqual([2, false, 1]);
  });

  test('only the plan that was reviewed is applied, and nobody is asked where there is no terminal', async () => {
    const more = await file('more.yaml', 'roles:\n  - { name: cli_later, login: false }\n');
    const { hash } = (await pgsteward(`plan -f ${more} -s host-1 --json`)).json();
    const other = await pgsteward(`apply -f ${more} -s host-1 --plan-hash ${'0'.repeat(64)}`);
    expect([other.code, other.notes]).toEqual([1, expect.stringContaining('look at it again')]);
    expect((await pgsteward(`apply -f ${more} -s host-1`, { answers: ['no'] })).notes).toContain('nothing was applied');
    expect((await pgsteward(`plan -f ${more} -s host-1`)).code).toBe(2);
    const applied = await pgsteward(`apply -f ${more} -s host-1 --plan-hash ${hash} --json`);
    expect([applied.code, applied.json()]).toMatchObject([0, { applied: true, task: { status: 'completed' } }]);
  });

  test('a document that is refused ends with 1, and says why', async () => {
    const bad = await file('bad.yaml', 'roles:\n  - { name: pg_monitor, login: true }\n');
    const planned = await pgsteward(`plan -f ${bad} -s host-1`);
    expect([planned.code, planned.out + planned.notes]).toEqual([1, expect.stringContaining('pg_monitor')]);
    expect((await pgsteward(`apply -f ${bad} -s host-1`)).code).toBe(1);
  });

  test('export writes YAML whose plan is empty', async () => {
    const exported = await pgsteward('export --server host-1 --database postgres');
    expect(exported.code).toBe(0);
    expect(parse(exported.out)).toHaveProperty('roles');
    const planned = await pgsteward('plan -f - --server host-1', { input: exported.out });
    expect([planned.code, planned.out]).toEqual([0, expect.stringContaining('nothing to do')]);
    expect((await pgsteward('export --server host-1 --json')).json()).toHaveProperty('databases');
  });
});

describe('users', () => {
  beforeAll(async () => {
    await stack.target.query('CREATE DATABASE myapp_dev');
    const entry = { env: 'dev', dbName: 'myapp_dev', hostname: 'pg-dev', port: 5432, active: true, notes: null };
    await insertEntry(stack.control.db, { ...entry, serverName: 'host-1' });
  });
  const on = '--env dev --database myapp_dev';
  const logsIn = (user: string, password: string) =>
    stack.target.query('SELECT 1', { database: 'myapp_dev', user, password }).then(
      () => true,
      () => false,
    );

  test('are created with a password that works, listed, reset, disabled, enabled and dropped', async () => {
    const created = await pgsteward(`users create ${on} --kind app --servername web01 --port 8080`);
    expect([created.code, created.out]).toEqual([0, expect.stringMatching(/^username +web01_8080$/m)]);
    const [, password = ''] = /^password +(\S+)$/m.exec(created.out) ?? [];
    expect(await logsIn('web01_8080', password)).toBe(true);
    const again = await pgsteward(`users create ${on} --kind app --servername web01 --port 8080 --json`);
    expect([again.code, again.json()]).toMatchObject([0, { status: 'user already exists', password: null }]);
    expect((await pgsteward(`users list ${on}`)).out).toMatch(/^web01_8080 /m);
    const reset = (await pgsteward(`users reset ${on} web01_8080 --json`)).json();
    expect([await logsIn('web01_8080', password), await logsIn('web01_8080', reset.password)]).toEqual([false, true]);
    expect((await pgsteward(`users disable ${on} web01_8080`)).out).toContain('user disabled');
    expect(await logsIn('web01_8080', reset.password)).toBe(false);
    expect((await pgsteward(`users enable ${on} web01_8080`)).code).toBe(0);
    const dropped = await pgsteward(`users drop ${on} web01_8080`);
    expect([dropped.code, dropped.out]).toEqual([0, expect.stringContaining('user dropped')]);
    const gone = await pgsteward(`users reset ${on} web01_8080`);
    expect([gone.code, gone.out]).toEqual([1, expect.stringContaining('user not found')]);
  });

  test('of people get their password behind a link where that is asked for', async () => {
    const { out } = await pgsteward(`users create ${on} -k readonly --username jsmith --handover`);
    expect(out).toMatch(new RegExp(`^shown once at +${listener.url}/api/v1/handover/\\S+$`, 'm'));
    expect(out).not.toMatch(/^password/m);
  });

  test.each([
    ['--kind app --servername web02', /a user of kind app needs --port/],
    ['--kind butler --username x', /there is no kind "butler": it is one of app, /],
    ['--kind devqa --username x --connection-limit many', /--connection-limit must be a whole number/],
    ['--username x', /required option '-k, --kind <kind>' not specified/],
  ])('create %s is refused with what is wrong', async (words, message) => {
    const { code, notes, out } = await pgsteward(`users create ${on} ${words}`);
    expect([code, notes, out]).toEqual([1, expect.stringMatching(message), '']);
  });
});

describe('databases and tasks', () => {
  const request = (id: string, scripts?: string[]) =>
    file(
      `${id}.json`,
      JSON.stringify({
        ...seedRequest({
          id,
          port: stack.port(),
          user: `${id}_app`,
          ...(scripts && { scripts: { post_database_create: scripts } }),
        }),
      }),
    );

  test('a database is created and deleted, with progress beside the answer, and its tasks are found by id alone', async () => {
    const created = await pgsteward(`databases create -f ${await request('shopcli')} --json`);
    const task = created.json();
    expect([created.code, task]).toMatchObject([0, { type: 'create', status: 'completed', database_id: 'shopcli' }]);
    expect(created.notes.split('\n').length).toBeGreaterThan(3);
    expect((await pgsteward('databases list')).out).toMatch(/^shopcli +available /m);
    expect((await pgsteward('databases show shopcli')).out).toMatch(/^state +available$/m);
    expect((await pgsteward('databases wait shopcli')).code).toBe(0);
    expect((await pgsteward('tasks list --database shopcli')).out).toContain(task.task_id);

    const shown = await pgsteward(`tasks show ${task.task_id} --log`);
    expect([shown.code, shown.out]).toEqual([0, expect.stringMatching(/^of +database shopcli$/m)]);
    expect(shown.out).toContain(created.notes.trim().split('\n')[0]);
    expect((await pgsteward(`tasks wait ${task.task_id}`)).code).toBe(0);
    expect(await pgsteward(`tasks cancel ${task.task_id}`)).toMatchObject({ code: 1 });

    expect((await pgsteward('databases delete shopcli', { answers: ['shop'] })).notes).toContain('nothing was deleted');
    expect((await pgsteward('databases delete shopcli')).code).toBe(0);
    expect((await pgsteward('databases show shopcli')).code).toBe(1);
  });

  test('tasks of servers are found, too, and those that nobody has are not', async () => {
    const { tasks } = (await pgsteward('tasks list --server host-1 --limit 1 --json')).json();
    const shown = await pgsteward(`tasks show ${tasks[0].task_id} --json`);
    expect(shown.json()).toMatchObject({ scope: 'server', entity_id: 'host-1', task_id: tasks[0].task_id });
    const none = await pgsteward('tasks show 019f6a00-0000-7000-8000-000000000001');
    expect([none.code, none.notes]).toEqual([1, expect.stringContaining('there is no task')]);
    expect((await pgsteward('tasks show nonsense')).notes).toContain('is not the id of a task');
    expect((await pgsteward(`tasks show ${tasks[0].task_id} --server a --host b`)).notes).toContain('not both');
  });

  test('Ctrl-C leaves a task running and says how to go on, an API that goes and comes back is waited for, and a cancelled task ends with 1', async () => {
    const slow = await request('slowcli', ['SELECT pg_sleep(600)']);
    const started = startProgram(env, ['databases', 'create', '-f', slow]);
    const task = await until(async () => {
      const { body } = await stack.call('GET', '/v1/databases/slowcli/tasks');
      return body.tasks?.[0];
    }, 60_000);
    await started.says(/\d{4}-\d\d-\d\dT/);
    started.child.kill('SIGINT');
    const interrupted = await started.ended();
    const resume = `pgsteward tasks wait ${task.task_id} --database slowcli`;
    expect([interrupted.code, interrupted.out, interrupted.notes]).toEqual([130, '', expect.stringContaining(resume)]);

    const early = await pgsteward(`${resume.replace('pgsteward ', '')} --timeout 0`);
    expect([early.code, early.notes]).toEqual([3, expect.stringContaining(resume)]);
    expect((await pgsteward(`tasks show ${task.task_id} --json`)).json().status).toBe('running');

    // Who waits sees the API go and come back, and the end of the task after that.
    const waiting = startProgram(env, ['tasks', 'wait', task.task_id]);
    await waiting.says(/\d{4}-\d\d-\d\dT/);
    const { port } = new URL(listener.url);
    await listener.stop();
    await waiting.says('does not answer');
    listener = await listenAt(Number(port));
    const cancelled = await pgsteward(`tasks cancel ${task.task_id} --database slowcli`);
    expect([cancelled.code, cancelled.out]).toEqual([0, expect.stringContaining(resume)]);
    expect((await waiting.ended()).code).toBe(1);
    const ended = await pgsteward(`tasks wait ${task.task_id} --database slowcli`);
    expect([ended.code, ended.out]).toEqual([1, expect.stringMatching(/^status +canceled$/m)]);
  });
});

describe('servers', () => {
  test('are added with a password that stands in a file, listed and probed', async () => {
    const target = await startTargetServer(join(directory, 'second'));
    try {
      const { endpoints, adminUser, adminPassword, tls } = target.address;
      const [{ address, port } = { address: '', port: 0 }] = endpoints;
      const ca = await file('ca.pem', tls.caCertificate ?? '');
      const words = `servers add second --endpoint ${address}:${port} --admin-user ${adminUser} --ca-file ${ca}`;
      const nobody = await pgsteward(words);
      expect([nobody.code, nobody.notes]).toEqual([1, expect.stringContaining('--admin-password-file')]);
      const wrong = await pgsteward(words, { answers: ['c4nary-wrong'] });
      expect([wrong.code, wrong.out + wrong.notes]).toEqual([1, expect.not.stringContaining('c4nary')]);
      const password = await file('password', `${adminPassword}\n`);
      const added = await pgsteward(`${words} --label stage=test --admin-password-file ${password}`);
      expect([added.code, added.notes, added.out]).toEqual([0, '', expect.stringMatching(/^name +second$/m)]);
      expect((await pgsteward('servers list --label stage=test')).out).toMatch(/^second .*verify-full .*stage=test$/m);
      const probed = await pgsteward('servers probe second');
      expect([probed.code, probed.out]).toEqual([0, expect.stringMatching(/primary/)]);
      expect(probed.out).not.toContain(adminPassword);
    } finally {
      await target.stop();
    }
    const silent = await pgsteward('servers probe second');
    expect([silent.code, silent.out]).toEqual([1, expect.stringMatching(/^problem +/m)]);
    expect((await stack.call('DELETE', '/v1/servers/second')).status).toBe(200);
  });

  test.each(['a:b:c', 'host:123456', ''])('the endpoint %j is refused', async (endpoint) => {
    const words = ['servers', 'add', 'x', '--endpoint', endpoint, '--admin-user', 'x', '--admin-password-file', '-'];
    const { code, notes } = await commandLine(env, words, { input: 'secret' });
    expect([code, notes]).toEqual([1, expect.stringMatching(/is no endpoint/)]);
  });
});

test('a token is printed alone, works, and does not once it is revoked', async () => {
  const created = await pgsteward('tokens create --name cli --role auditor');
  const token = created.out.trim();
  expect([created.code, token]).toEqual([0, expect.stringMatching(/^\S{20,}$/)]);
  expect(created.notes).not.toContain(token);
  const [, id = ''] = /id (\S+);/.exec(created.notes) ?? [];
  const as = { PGSTEWARD_URL: listener.url, PGSTEWARD_TOKEN: token };
  expect((await commandLine(as, ['servers', 'list'])).code).toBe(0);
  const refused = await commandLine(as, ['users', 'list', '--env', 'dev', '--database', 'nothing', '--json']);
  expect([refused.code, JSON.parse(refused.notes)]).toMatchObject([1, { error: { status: 404 } }]);
  expect((await pgsteward('tokens list')).out).toContain(id);
  expect((await pgsteward(`tokens revoke ${id}`)).out).toMatch(/^revoked /m);
  const late = await commandLine(as, ['servers', 'list']);
  expect([late.code, late.notes]).toEqual([1, expect.stringContaining('PGSTEWARD_TOKEN')]);
  expect(late.notes).not.toContain(token);
});

test('the audit log is exported line by line, into a file that is not there yet', async () => {
  const { code, out } = await pgsteward('audit export --action token.create');
  const rows = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect([code, rows.length > 0, rows.every(({ action }) => action === 'token.create')]).toEqual([0, true, true]);
  const path = join(directory, 'audit.csv');
  expect((await pgsteward(`audit export --format csv -o ${path}`)).code).toBe(0);
  expect(await readFile(path, 'utf8')).toMatch(/^id,/);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await pgsteward(`audit export -o ${path}`)).notes).toContain('is there already');
});

describe('wrong words and surroundings', () => {
  test.each<[string[], RegExp]>([
    [['nonsense'], /unknown command 'nonsense'/],
    [['plan', '-s', 'host-1'], /required option '-f, --file <file>' not specified/],
    [['plan', '-f', '/nowhere.yaml', '-s', 'host-1'], /\/nowhere\.yaml cannot be read: ENOENT/],
    [['servers', 'list', '--quickly'], /unknown option '--quickly'/],
    [['servers', 'list', 'all'], /too many arguments/],
    [['export', '-s', 'nobody'], /no server found with the name "nobody"/],
    [['lease', 'create', '--reason', 'x'], /needs --role or --template/],
    [['lease', 'create', '--reason', 'x', '-r', 'y', '--ttl', 'soon'], /--ttl must be a length of time/],
    [['rotate', 'trigger', 'app'], /name its --server, too/],
    [['completion', 'csh'], /there is no completion for "csh"/],
  ])('%j is refused with 1', async (words, message) => {
    const { code, out, notes } = await commandLine(env, words);
    expect([code, out, notes]).toEqual([1, '', expect.stringMatching(message)]);
  });

  test('a file that cannot be parsed is not shown: it may hold passwords', async () => {
    const path = await file('broken.yaml', 'roles: [ { name: x, password: c4nary-password } \n other: }');
    const { code, notes } = await pgsteward(`plan -f ${path} -s host-1`);
    expect([code, notes]).toEqual([1, expect.stringMatching(/is neither YAML nor JSON: \w+ at character \d+/)]);
    expect(notes).not.toContain('c4nary');
    const list = await file('list.yaml', '- a');
    expect((await pgsteward(`plan -f ${list} -s host-1`)).notes).toContain('has to hold an object');
  });

  test.each<[NodeJS.ProcessEnv, RegExp]>([
    [{ PGSTEWARD_URL: 'ftp://x' }, /"ftp:\/\/x" is not an address/],
    [{ PGSTEWARD_URL: 'http://me:secret@localhost' }, /must not have a user or password/],
    [{ PGSTEWARD_URL: 'http://127.0.0.1:1' }, /http:\/\/127\.0\.0\.1:1 does not answer: .*PGSTEWARD_URL/],
    [{ PGSTEWARD_TOKEN_FILE: '/nowhere' }, /the token file \/nowhere cannot be read: ENOENT/],
    [{ PGSTEWARD_TOKEN_FILE: undefined, PGSTEWARD_HOME: '/nowhere' }, /there is no token: set PGSTEWARD_TOKEN/],
    [{ PGSTEWARD_TOKEN_FILE: undefined, PGSTEWARD_TOKEN: 'wrong' }, /the token is that of PGSTEWARD_TOKEN/],
  ])('%j is told', async (change, message) => {
    const { code, notes } = await commandLine({ ...env, ...change }, ['servers', 'list']);
    expect([code, notes]).toEqual([1, expect.stringMatching(message)]);
  });

  test('an error is JSON where the answer would be', async () => {
    const { code, out, notes } = await pgsteward('databases show nothing --json');
    expect([code, out, JSON.parse(notes)]).toMatchObject([1, '', { error: { status: 404, name: 'not_found' } }]);
  });

  test('the program itself has the same commands, answers and exit codes', async () => {
    const [listed, unknown, help] = [
      await program(env, ['servers', 'list', '--json']),
      await program(env, ['nonsense']),
      await program(env, []),
    ];
    expect([listed.code, listed.notes, listed.json().servers[0].name]).toEqual([0, '', 'host-1']);
    expect([unknown.code, unknown.out]).toEqual([1, '']);
    expect(help.code).toBe(0);
    for (const command of [
      'dev',
      'api',
      'worker',
      'host',
      'doctor',
      'audit',
      'plan',
      'lease',
      'rotate',
      'completion',
    ]) {
      expect(help.out).toMatch(new RegExp(`^  ${command} `, 'm'));
    }
  });
});
