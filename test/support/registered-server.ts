import type { TestStack } from './stack.ts';
import type { VersionedServer } from './versions.ts';

/** Registers a server through the API, with the login that the control plane is to have there. */
export async function registerServer(
  stack: Pick<TestStack, 'call'>,
  name: string,
  server: VersionedServer,
  as: 'superuser' | 'limited',
): Promise<void> {
  const {
    endpoints,
    tls,
    adminUser: user,
    adminPassword: password,
  } = as === 'superuser' ? server.address : server.limited;
  const { status, body } = await stack.call('POST', '/v1/servers', {
    name,
    endpoints,
    tls: { mode: tls.mode, ca_certificate: tls.caCertificate },
    admin: { user, password },
  });
  if (status !== 201) throw new Error(`server ${name} was refused: ${status} ${JSON.stringify(body)}`);
}
