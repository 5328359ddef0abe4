/** R1 and R5 where roles are changed one by one or by documents: what an operator of a server may not ask for. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makePerson } from '../../support/accounts.ts';
import { until } from '../../support/follow.ts';
import { type ApiCalls, startTestStack, type TestStack } from '../../support/stack.ts';
import { expectError } from '../support/answers.ts';

const SERVER = '/v1/servers/host-1';
let stack: TestStack;
let operator: ApiCalls;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  await stack.target.query(`
    CREATE ROLE boss SUPERUSER LOGIN; CREATE ROLE maker CREATEROLE; CREATE ROLE builder CREATEDB;
    CREATE ROLE copier REPLICATION; CREATE ROLE peeker BYPASSRLS; CREATE ROLE staff; CREATE ROLE team; CREATE ROLE plain LOGIN;
    CREATE ROLE near_boss; GRANT boss TO near_boss; CREATE ROLE owned_elsewhere;
    CREATE FUNCTION public.as_boss() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION public.as_boss() OWNER TO boss;
    CREATE TABLE public.things (id int); ALTER TABLE public.things OWNER TO staff`);
  await stack.control.db.query(
    `INSERT INTO credentials (server_name, role_name, owner, origin, version)
     VALUES ('host-1', 'owned_elsewhere', 'team/billing', 'adopted', 0)`,
  );
  const { credentials } = await makePerson(stack, { role: 'operator', scope: { servers: ['host-1'] } });
  operator = stack.as(credentials);
});
afterAll(() => stack?.stop());

/** Everything that a change of roles or rights could have changed. */
async function catalogs(): Promise<unknown> {
  const found = await stack.target.query(`
    SELECT (SELECT json_agg(r ORDER BY r.rolname) FROM pg_authid r) AS roles,
      (SELECT json_agg(m ORDER BY m.oid) FROM pg_auth_members m) AS members,
      (SELECT json_agg(s) FROM pg_db_role_setting s) AS settings,
      (SELECT json_agg(p.proacl::text ORDER BY p.oid) FROM pg_proc p) AS routines,
      (SELECT json_agg(json_build_array(c.relname, c.relacl::text, c.relowner) ORDER BY c.oid) FROM pg_class c
        WHERE c.relkind IN ('r', 'v') AND c.relname NOT LIKE 'pg_toast%') AS relations`);
  return found;
}

const grantOn = (on: object, privileges: string[]) => ({ database: 'postgres', on, privileges, to: ['plain'] });

/** What is asked for, and why it needs the admin role. */
const REFUSED: [what: string, method: string, path: string, body: unknown, words: RegExp][] = [
  ...['superuser', 'createrole', 'createdb', 'replication', 'bypassrls'].map((attribute): (typeof REFUSED)[number] => [
    `a role with ${attribute.toUpperCase()}`,
    'PUT',
    `/roles/new_${attribute}`,
    { [attribute]: true, allow: ['superuser'] },
    new RegExp(`would have ${attribute.toUpperCase()}: this needs the admin role`),
  ]),
  ['CREATEDB for a role that exists', 'PUT', '/roles/plain', { createdb: true }, /would have CREATEDB/],
  ...['boss', 'maker', 'builder', 'copier', 'peeker'].map((role): (typeof REFUSED)[number] => [
    `a password for ${role}`,
    'PUT',
    `/roles/${role}`,
    { login: true, password: 'a-password-of-my-own', allow: ['superuser'] },
    new RegExp(`role "${role}" has `),
  ]),
  [
    'that a superuser is one no more',
    'PUT',
    '/roles/boss',
    { superuser: false, allow: ['superuser'] },
    /has SUPERUSER/,
  ],
  ['a comment on a superuser', 'PUT', '/roles/boss', { comment: 'mine' }, /has SUPERUSER/],
  [
    'a role of another owner',
    'PUT',
    '/roles/owned_elsewhere',
    { login: true, adopt: true },
    /belongs to team\/billing/,
  ],
  ['membership in a superuser', 'PUT', '/roles/boss/members/plain', { allow: ['superuser'] }, /"boss" has SUPERUSER/],
  ['membership in whoever makes roles', 'PUT', '/roles/maker/members/plain', {}, /"maker" has CREATEROLE/],
  [
    'membership that leads to a superuser',
    'PUT',
    '/roles/near_boss/members/plain',
    { allow: ['superuser'] },
    /role "near_boss" is in "boss", and role "boss" has SUPERUSER/,
  ],
  ['membership in a role of PostgreSQL', 'PUT', '/roles/pg_read_all_data/members/plain', {}, /of PostgreSQL itself/],
  [
    'membership in a role of another owner',
    'PUT',
    '/roles/owned_elsewhere/members/plain',
    {},
    /belongs to team\/billing/,
  ],
  ['a superuser as member', 'PUT', '/roles/staff/members/boss', {}, /"boss" has SUPERUSER/],
  ['the end of a membership in a superuser', 'DELETE', '/roles/boss/members/near_boss', undefined, /has SUPERUSER/],
  [
    'libraries that sessions load',
    'PUT',
    '/roles/plain',
    { settings: [{ name: 'session_preload_libraries', value: 'auto_explain' }] },
    /"session_preload_libraries" is for superusers/,
  ],
  [
    'files of the server',
    'POST',
    '/grants',
    grantOn({ kind: 'routine', schema: 'pg_catalog', names: ['pg_read_file(text)'] }, ['EXECUTE']),
    /schema "pg_catalog" belongs to PostgreSQL itself/,
  ],
  [
    'password hashes',
    'POST',
    '/grants',
    grantOn({ kind: 'table', schema: 'pg_catalog', names: ['pg_authid'] }, ['SELECT']),
    /schema "pg_catalog" belongs to PostgreSQL itself/,
  ],
  [
    'a routine of a superuser',
    'POST',
    '/grants',
    grantOn({ kind: 'routine', schema: 'public', names: ['as_boss()'] }, ['EXECUTE']),
    /routine "as_boss" belongs to superuser "boss"/,
  ],
  [
    'a foreign-data wrapper or a language',
    'POST',
    '/grants',
    grantOn({ kind: 'language', names: ['plpgsql'] }, ['USAGE']),
    /language "plpgsql" is one of the whole database/,
  ],
  ['a drop against the rules', 'DELETE', '/roles/plain', { force: true }, /"force": true needs the admin role/],
];

describe('an operator does not get', () => {
  test.each(REFUSED)('%s', async (_what, method, path, body, words) => {
    const before = await catalogs();
    const answer = await operator.call(method, SERVER + path, body);
    expectError(answer, 403, 'forbidden', words);
    expect(await catalogs()).toEqual(before);
  });

  test('by a document what is refused one by one, and its plan says so', async () => {
    const document = {
      allow: ['superuser'],
      roles: [{ name: 'climber', superuser: true }],
      databases: [
        {
          name: 'postgres',
          owners: [{ on: { kind: 'table', schema: 'public', names: ['things'] }, owner: 'near_boss' }],
        },
      ],
    };
    const { body: plan } = await operator.call('POST', `${SERVER}/plan`, { document });
    expect(plan.refusals).toEqual([
      { path: 'roles[0]', message: 'role "climber" would have SUPERUSER: this needs the admin role' },
      {
        path: expect.any(String),
        message: 'role "near_boss" is in "boss", and role "boss" has SUPERUSER: this needs the admin role',
      },
    ]);
    const before = await catalogs();
    expect(await applied(operator, document)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('needs the admin role'),
    });
    expect(await catalogs()).toEqual(before);
    expect((await stack.call('POST', `${SERVER}/plan`, { document })).body.refusals).toEqual([]);
  });
});

test('what an operator may ask for is done, and what is so already is no demand', async () => {
  const done: [string, string, unknown][] = [
    ['PUT', '/roles/reader', { login: true, password: 'a-password-of-my-own', connection_limit: 5 }],
    ['PUT', '/roles/team/members/plain', {}],
    ['DELETE', '/roles/team/members/plain', undefined],
    ['POST', '/grants', grantOn({ kind: 'table', schema: 'public', names: ['things'] }, ['SELECT'])],
    ['PUT', '/roles/reader', { settings: [{ name: 'search_path', value: 'public' }] }],
    // As it is.
    ['PUT', '/roles/builder', { createdb: true, login: false }],
  ];
  for (const [method, path, body] of done) {
    const answer = await operator.call(method, SERVER + path, body);
    expect([method, path, answer.status]).toEqual([method, path, 200]);
  }
  const document = {
    roles: [
      { name: 'boss', superuser: true },
      { name: 'writer', login: true },
    ],
    allow: ['superuser'],
  };
  expect(await applied(operator, document)).toMatchObject({ status: 'completed' });
  expect((await operator.call('DELETE', `${SERVER}/roles/writer`)).status).toBe(202);
});

test('an administrator of the server gets what needs one', async () => {
  const { credentials } = await makePerson(stack, { role: 'admin', scope: { servers: ['host-1'] } });
  const { call } = stack.as(credentials);
  expect((await call('PUT', `${SERVER}/roles/dba`, { createdb: true, login: true })).status).toBe(200);
  expect((await call('PUT', `${SERVER}/roles/maker/members/dba`, {})).status).toBe(200);
});

async function applied(calls: ApiCalls, document: unknown): Promise<{ status: string; error?: string }> {
  const { status, body } = await calls.call('POST', `${SERVER}/apply`, { document });
  expect([status, body.message]).toEqual([202, undefined]);
  return until(async () => {
    const answer = await stack.call('GET', `${SERVER}/tasks/${body.task.task_id}`);
    return ['completed', 'failed'].includes(answer.body.status) ? answer.body : undefined;
  });
}
