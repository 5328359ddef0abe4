/** The life of a role as `cb` and the Terraform provider ask for it: over TLS and plain sockets, one after the other on one role. */
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureCertificateAuthority, ensureServerCertificate } from '../../platform/local/certificates.ts';
import { type RunningApi, startApi } from '../../worker/api-server.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { type Member, makeCluster, makeMember, makeTeam } from './support/estate.ts';
import { likeCb, likeTerraform, type Send } from './support/wire.ts';

let stack: TestStack;
let api: RunningApi;
let clients: { cb: Send; terraform: Send };
let ada: Member;
let path: string;
let team: Awaited<ReturnType<typeof makeTeam>>;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  const dir = join(stack.config.home, 'tls');
  const ca = await ensureCertificateAuthority(dir);
  const pair = await ensureServerCertificate({ ca, dir, names: ['localhost'], addresses: [] });
  const anyPort = { address: '127.0.0.1', port: 0 };
  api = await startApi({
    config: { ...stack.config, listen: anyPort, clustersListen: anyPort },
    control: stack.control,
    temporal: stack.temporal,
    eagerStart: false,
    clustersTls: { cert: pair.certificatePem, key: pair.keyPem },
    log: stack.api.log,
  });
  clients = { cb: likeCb(api.clustersUrl ?? '', ca.certificatePem), terraform: likeTerraform(api.url) };
  ada = await makeMember(stack, { role: 'member', name: 'ada' });
  team = await makeTeam(stack, [[ada, 'admin']]);
  const cluster = await makeCluster(stack, { teamId: team.id, name: 'storefront', serverName: 'host-1' });
  path = `/clusters/${cluster.eid}/roles`;
});
afterAll(async () => {
  await api?.stop();
  await stack?.stop();
});

test.each(['cb', 'terraform'] as const)(
  '%s makes, reads, rotates, lists and deletes the role of its account',
  async (name) => {
    const { key } = ada;
    const send: Send = (method, to, more) => clients[name](method, to, { key, ...more });
    const made = await send('POST', path, { body: '{}' });
    expect(made).toMatchObject({ status: 201, body: { flavor: 'read', password: expect.any(String) } });
    await logsIn(made.body.uri);
    expect(await send('GET', `${path}/user`)).toMatchObject({ status: 200, body: made.body });
    const rotated = await send('PUT', `${path}/user`, { body: '{"flavor":null,"rotate_password":true}' });
    expect(rotated).toMatchObject({ status: 201, body: { name: made.body.name } });
    expect(rotated.body.password).not.toBe(made.body.password);
    await logsIn(rotated.body.uri);
    await expect(logsIn(made.body.uri)).rejects.toMatchObject({ code: '28P01' });
    const listed = await send('GET', path);
    expect(listed).toMatchObject({ status: 200, body: { has_more: false } });
    const own = listed.body.roles.find((role: { name: string }) => role.name === made.body.name);
    expect(own).toMatchObject({ password: null, uri: null });
    const deleted = await send('DELETE', `${path}/user`);
    expect(deleted).toMatchObject({ status: 200, body: { name: made.body.name, password: null, uri: null } });
    expect((await send('DELETE', `${path}/user`)).status).toBe(410);
  },
);

/** As libpq would with the certificate of the team: `sslmode=verify-ca`. */
async function logsIn(uri: string): Promise<void> {
  const pem = await clients.cb('GET', `/teams/${team.eid}.pem`, { key: ada.key });
  const { hostname, port, username, password, pathname } = new URL(uri);
  const client = new pg.Client({
    host: hostname,
    port: Number(port),
    user: username,
    password,
    database: pathname.slice(1),
    ssl: { ca: pem.text },
  });
  client.on('error', () => undefined);
  await client.connect();
  await client.end();
}
