import { X509Certificate } from 'node:crypto';
import type { z } from '@hono/zod-openapi';
import { inTransaction } from '../../store/connection.ts';
import { findNameOfCluster, findServer } from '../../store/servers.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, invalidInput } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { type registerServerSchema, serverSchema } from '../schemas/server.ts';
import { inspectServer, storeRegistration } from './register.ts';
import { renderServer } from './render.ts';

type Server = z.infer<typeof serverSchema>;
type RegisterRequest = z.infer<typeof registerServerSchema>;

/** Registers a server after logging in to it. @throws ApiError, or what {@link inspectServer} throws */
export function acceptRegister(deps: ApiDeps, caller: Caller, body: RegisterRequest): Promise<Server> {
  const change = changeRequest(deps, { caller, route: 'POST /v1/servers', content: body, answer: serverSchema });
  return change.once(async () => {
    assertCertificate(body.tls);
    // Before the login: a name that is taken is the better reason.
    if ((await findServer(deps.db, body.name)) !== undefined) throw alreadyExists(body.name);
    const inspected = await inspectServer(deps, addressOf(body.name, body, body.admin.password));
    const { systemIdentifier } = inspected.facts;
    assertExpectedCluster(body.system_identifier, systemIdentifier);
    return inTransaction(deps.db, async (tx) => {
      const server = await storeRegistration(deps, tx, caller, { inspected, ...givenBy(body) });
      if (server === undefined) throw alreadyExists(body.name, await findNameOfCluster(tx, systemIdentifier));
      const answer = renderServer(server);
      await change.keep(tx, answer);
      return answer;
    });
  });
}

/** What registration and change have in common. */
type Given = Omit<RegisterRequest, 'name' | 'admin'> & { admin: { user: string } };

/** Where the server of a request is. */
export function addressOf(name: string, given: Given, adminPassword: string) {
  return {
    name,
    endpoints: given.endpoints,
    maintenanceDb: given.maintenance_database,
    tls: tlsOf(given.tls),
    adminUser: given.admin.user,
    adminPassword,
  };
}

export function tlsOf({ mode, ca_certificate: caCertificate }: Given['tls']) {
  return { mode, ...(caCertificate === undefined ? {} : { caCertificate }) };
}

export function givenBy({ labels, settings }: Given) {
  return { labels, settings: { allowPlainTextPasswords: settings.allow_plain_text_passwords } };
}

/** @throws ApiError 400 for text that is no certificate: TLS would only say that nothing can be verified */
export function assertCertificate({ ca_certificate: pem }: Given['tls']): void {
  if (pem === undefined) return;
  try {
    new X509Certificate(pem);
  } catch {
    throw invalidInput([{ path: 'tls.ca_certificate', message: 'is no certificate in PEM form' }]);
  }
}

/** @throws ApiError 400 where the request names the cluster and the server is another one */
export function assertExpectedCluster(expected: string | undefined, found: string): void {
  if (expected === undefined || expected === found) return;
  const message = `the server is cluster ${found}`;
  throw invalidInput([{ path: 'system_identifier', message }]);
}

export function alreadyExists(name: string, clusterName?: string): ApiError {
  return new ApiError(
    'server_already_exists',
    clusterName === undefined || clusterName === name
      ? `a server with the name "${name}" is registered already`
      : `this cluster is registered already, as server "${clusterName}"`,
  );
}
