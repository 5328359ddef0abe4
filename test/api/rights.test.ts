import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Caller } from '../../api/caller.ts';
import { acceptCreate } from '../../api/databases/accept-create.ts';
import { createDatabaseSchema } from '../../domain/spec/schema.ts';
import { findServer } from '../../store/servers.ts';
import { registerServer } from '../../worker/register-server.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { changesNothing } from './support/records.ts';
import { bareRequest } from './support/requests.ts';

const MEMBER: Caller = { account: 'member', isAdmin: false, role: 'member', requestId: 'rights-test' };

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  await stack.target.query('CREATE ROLE made_by_hand');
});
afterAll(() => stack?.stop());

type Spec = ReturnType<typeof seedRequest>['spec'];

/** What a caller without the admin role is told about a request, of which nothing is stored. */
async function refusal(change: (spec: Spec) => object): Promise<string[]> {
  const { id, spec } = seedRequest({ id: 'climber', port: stack.port(), user: 'climber_app' });
  const request = createDatabaseSchema.parse({ id, spec: { ...spec, ...change(spec) } });
  const outcome = await changesNothing(stack, () =>
    acceptCreate(stack.api, MEMBER, request).then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
  expect(outcome).toMatchObject({ errorName: 'invalid_input' });
  return outcome instanceof Error ? outcome.message.split('\n') : [];
}

describe('without the admin role nobody', () => {
  test.each(['SUPERUSER', 'CREATEROLE', 'CREATEDB', 'REPLICATION', 'BYPASSRLS'])(
    'gives a user the attribute %s',
    async (attribute) => {
      const lines = await refusal(() => ({
        database_users: [
          { username: 'climber_app', password: 'changeme', attributes: ['LOGIN'] },
          { username: 'climber_root', attributes: [attribute.toLowerCase()] },
        ],
      }));
      expect(lines).toEqual([`database_users[1].attributes[0]: ${attribute} needs the admin role`]);
    },
  );

  test('has statements run as the administrator of the server', async () => {
    expect(await refusal(() => ({ scripts: { post_init: ['CREATE ROLE climber_root SUPERUSER'] } }))).toEqual([
      'scripts.post_init: needs the admin role: it runs as the administrator of the server',
    ]);
  });

  test('takes over a role that exists', async () => {
    const lines = await refusal(({ database_users }) => ({
      database_users: [...database_users, { username: 'made_by_hand', adopt: true }],
    }));
    expect(lines).toEqual(['database_users[1].adopt: taking over an existing role needs the admin role']);
  });

  test('chooses the image that a service runs', async () => {
    const lines = await refusal(({ services }) => ({
      services: services.map((service) => ({
        ...service,
        orchestrator_opts: { swarm: { image: 'evil.example/postgrest:1' } },
      })),
    }));
    expect(lines).toEqual(['services[0].orchestrator_opts.swarm.image: choosing an image needs the admin role']);
  });

  test('is kept from what needs no such role', async () => {
    const request = bareRequest('modest');
    const { task } = await acceptCreate(stack.api, MEMBER, request);
    expect(task).toMatchObject({ type: 'create', database_id: 'modest' });
  });
});

describe('the metadata server', () => {
  test('is not registered as a target, under whatever name, database and address it is offered', async () => {
    const { host, port, user, password } = stack.metadata;
    const before = await findServer(stack.control.db, 'host-1');
    const address = {
      name: 'innocent',
      endpoints: [{ address: host === '127.0.0.1' ? 'localhost' : host, port }],
      maintenanceDb: 'template1',
      tls: { mode: 'disable' as const },
      adminUser: user,
      adminPassword: password,
    };
    for (const name of ['innocent', 'host-1']) {
      await expect(
        changesNothing(stack, () => registerServer(stack.control, { hostId: 'host-1', address: { ...address, name } })),
      ).rejects.toMatchObject({ type: 'NotAllowed', message: expect.stringMatching(/is the metadata server/) });
    }
    expect(await findServer(stack.control.db, 'innocent')).toBeUndefined();
    expect(await findServer(stack.control.db, 'host-1')).toEqual(before);
  });
});
