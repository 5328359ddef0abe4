/** The description of the API: complete, true to the router and its rules, and true to what a running API answers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { routeKey } from '../../api/access/route.ts';
import { ROUTE_RULES } from '../../api/access/rules.ts';
import { createApp } from '../../api/app.ts';
import { insertEntry } from '../../store/registry.ts';
import { type Listener, listen } from '../../worker/listen.ts';
import { create } from '../support/follow.ts';
import { freePort } from '../support/ports.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { fuzzDescription, installSchemathesis } from './support/schemathesis.ts';

let stack: TestStack;
// biome-ignore lint/suspicious/noExplicitAny: the document is looked into freely
let document: any;

interface Described {
  key: string;
  path: string;
  // biome-ignore lint/suspicious/noExplicitAny: the document is looked into freely
  operation: any;
}
let operations: Described[];

beforeAll(async () => {
  stack = await startTestStack({
    runtime: 'process',
    env: { PGSTEWARD_CLUSTERS_REQUESTS_PER_MINUTE: '1000000' },
  });
  document = (await stack.call('GET', '/v1/openapi.json')).body;
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item as object).map(([method, operation]) => ({
      key: `${method.toUpperCase()} ${path}`,
      path,
      operation,
    })),
  );
});
afterAll(() => stack?.stop());

/** Of the operations, those that break a rule. */
const offenders = (breaks: (of: Described) => boolean) => operations.filter(breaks).map(({ key }) => key);

describe('the document', () => {
  test('has every route of the router, and no other', () => {
    const served = createApp(stack.api).routes.filter(({ method }) => method !== 'ALL');
    expect(operations.map(({ key }) => key).sort()).toEqual([...new Set(served.map(routeKey))].sort());
  });

  test('names every operation once, and says what it is for and which group it is of', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    expect(ids.every((id) => /^[a-z]\w+$/.test(id))).toBe(true);
    const groups = new Set(document.tags.map(({ name }: { name: string }) => name));
    expect(
      offenders(({ operation: { summary, tags } }) => !summary || tags.length !== 1 || !groups.has(tags[0])),
    ).toEqual([]);
  });

  test('says of every operation which roles may call it, as the table of rules has it', () => {
    for (const { key, path, operation } of operations) {
      const rule = ROUTE_RULES[key];
      const named = operation.security.filter((scheme: object) => Object.keys(scheme).length > 0);
      const open = operation.security.length > named.length;
      expect([key, open]).toEqual([key, rule?.roles === 'anyone' || rule?.openOnLoopback === true]);
      for (const scheme of named) {
        const [[name, roles] = ['']] = Object.entries(scheme);
        expect(Object.keys(document.components.securitySchemes)).toContain(name);
        expect([key, roles]).toEqual([key, rule?.roles]);
      }
      const basic = named.some((scheme: object) => 'basic' in scheme);
      expect([key, basic]).toEqual([key, rule?.roles !== 'anyone' && path.startsWith('/api/v1/')]);
      expect([key, Object.keys(operation.responses).includes('401')]).toEqual([
        key,
        rule?.roles !== 'anyone' || path === '/access-tokens',
      ]);
    }
  });

  test('has a schema for every answer and every body', () => {
    const lacks = ({ content = {} }: { content?: object }) =>
      Object.keys(content).length === 0 || Object.values(content).some(({ schema }) => schema === undefined);
    expect(offenders(({ operation }) => Object.values<object>(operation.responses).some(lacks))).toEqual([]);
    expect(offenders(({ operation: { requestBody } }) => requestBody !== undefined && lacks(requestBody))).toEqual([]);
  });

  test('has errors in the shape of the family', () => {
    const shapes = (path: string) => {
      if (path.startsWith('/api/')) return ['EnvironmentError'];
      return path.startsWith('/v1/') || !/^\/(account|teams|clusters|access-tokens)/.test(path)
        ? ['APIError', 'SchemaError']
        : ['ClusterError'];
    };
    const namesIn = (value: unknown) =>
      [...JSON.stringify(value).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name ?? '');
    for (const { key, path, operation } of operations) {
      for (const [status, answer] of Object.entries(operation.responses)) {
        if (Number(status) < 400 || (path === '/readyz' && status === '503')) continue;
        const names = namesIn(answer);
        expect([key, status, names.length > 0]).toEqual([key, status, true]);
        expect([key, status, names.filter((name) => !shapes(path).includes(name))]).toEqual([key, status, []]);
      }
    }
  });

  test('is a valid JSON schema wherever it has one, and every example in it is an example of its schema', () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(ajv);
    ajv.addSchema({ ...document, $id: 'api' });
    const wrong: string[] = [];
    let examples = 0;
    const visit = (value: unknown, path: string) => {
      if (typeof value !== 'object' || value === null) return;
      if ('example' in value && !path.endsWith('/properties')) {
        examples += 1;
        const at = 'schema' in value ? `${path}/schema` : path;
        const validate = ajv.getSchema(`api#${at}`);
        if (validate === undefined || !validate(value.example)) {
          wrong.push(`${path}: ${JSON.stringify(value.example)} ${ajv.errorsText(validate?.errors)}`);
        }
      }
      for (const [name, member] of Object.entries(value)) {
        if (name !== 'example') visit(member, `${path}/${escapePointer(name)}`);
      }
    };
    visit({ paths: document.paths, components: document.components }, '');
    expect(wrong).toEqual([]);
    expect(examples).toBeGreaterThan(20);
    // What extends a strict object by `allOf` can never be satisfied.
    const strict = (schema: { $ref?: string; additionalProperties?: unknown }) =>
      (document.components.schemas[schema.$ref?.split('/').at(-1) ?? ''] ?? schema).additionalProperties === false;
    for (const [name, schema] of Object.entries<{ allOf?: object[] }>(document.components.schemas)) {
      expect([name, (schema.allOf ?? []).some(strict)]).toEqual([name, false]);
      expect(ajv.getSchema(`api#/components/schemas/${name}`)).toBeDefined();
    }
  });
});

const escapePointer = (name: string) => encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));

describe('the page', () => {
  test('shows every operation, loads nothing, and allows no script', async () => {
    const response = await stack.request('/v1/docs');
    const page = await response.text();
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=UTF-8']);
    for (const { operation } of operations) expect(page).toContain(`<details id="${operation.operationId}">`);
    expect(page).not.toMatch(/<script|<link|<img|<iframe|\ssrc=|\son\w+=|\sstyle=|url\(|@import/i);
    expect([...page.matchAll(/href="([^"]*)"/g)].filter(([, to = '']) => !/^(#|\/v1\/)/.test(to))).toEqual([]);
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; /);
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(page) ?? [];
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(style));
    expect(policy).toContain(`'sha256-${Buffer.from(digest).toString('base64')}'`);
  });
});

/** Operations that are not tried, and why. */
const NOT_TRIED: Readonly<Record<string, string>> = {
  postServers: 'connects to whatever address it is told, and waits for it',
  putServer: 'the same',
  deleteServer: 'everything else about servers is tried on the one that it would remove',
  postEnvironmentRegistryImport: 'connects to whatever addresses the file names',
};

/** What the examples of the description name: so that what they ask for is done, and not refused. */
async function provideExamples(): Promise<void> {
  await create(stack, seedRequest({ id: 'storefront', port: stack.port() }));
  await stack.target.query('CREATE DATABASE myapp_dev');
  const entry = { env: 'dev', dbName: 'myapp_dev', hostname: 'pg-dev', port: 5432, active: true, notes: null };
  await insertEntry(stack.control.db, { ...entry, serverName: 'host-1' });
}

const required = process.env.REQUIRE_SCHEMATHESIS === '1';

describe('a running API', () => {
  let listener: Listener;
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pgsteward-fuzz-'));
    await provideExamples();
    listener = await listen({
      address: '127.0.0.1',
      port: await freePort(),
      variable: 'none',
      owner: 'a test',
      fetch: createApp(stack.api).fetch,
      tls: undefined,
    });
  });
  afterAll(async () => {
    await listener?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  test('answers what is documented, and nothing with 5xx, whatever it is sent', async ({ skip }) => {
    const program = await installSchemathesis().catch((error: Error) => {
      if (required) throw new Error(`REQUIRE_SCHEMATHESIS=1, and it cannot be installed. ${error.message}`);
      return skip(`left out: ${error.message}`);
    });
    const token = (stack.admin.Authorization ?? '').replace('Bearer ', '');
    const { code, output } = await fuzzDescription(program, {
      url: listener.url,
      token,
      directory,
      examples: 2,
      without: NOT_TRIED,
    });
    expect(code, output.slice(-20_000)).toBe(0);
    // What was let through and done, lest everything was refused alike.
    const done = new Set(
      (await stack.log()).split('\n').flatMap((line) => {
        const [, method, path] = /"method":"(\w+)","path":"([^"]*)","status":2\d\d/.exec(line) ?? [];
        return path === undefined ? [] : [`${method} ${path}`];
      }),
    );
    expect([...done].filter((of) => !of.startsWith('GET ')).length).toBeGreaterThan(3);
    expect(done.size).toBeGreaterThan(20);
  }, 900_000);
});
