import type { z } from '@hono/zod-openapi';
import { passwordChecks } from '../../domain/servers/password-checks.ts';
import type { ServerFacts, ServerProbe } from '../../domain/servers/probe.ts';
import { missingRights } from '../../domain/servers/rights.ts';
import { vendorOf } from '../../domain/servers/vendors.ts';
import { serverWarnings } from '../../domain/servers/warnings.ts';
import type { Maintenance } from '../../store/maintenance.ts';
import type { ServerRecord } from '../../store/servers.ts';
import { renderMaintenance } from '../drift/render.ts';
import type { serverProbeSchema, serverSchema } from '../schemas/server.ts';
import { timestamp } from '../time.ts';

type Probe = z.infer<typeof serverProbeSchema>;

/** `18.4` of 180004. */
function versionText(versionNum: number): string {
  return `${Math.floor(versionNum / 10_000)}.${versionNum % 10_000}`;
}

/** A server without its password. */
export function renderServer(server: ServerRecord, maintenance?: Maintenance): z.infer<typeof serverSchema> {
  const { mode, caCertificate } = server.tls;
  return {
    name: server.name,
    endpoints: server.endpoints,
    maintenance_database: server.maintenanceDb,
    tls: { mode, ...(caCertificate === undefined ? {} : { ca_certificate: caCertificate }) },
    admin: { user: server.adminUser },
    labels: server.labels,
    settings: { allow_plain_text_passwords: server.settings.allowPlainTextPasswords },
    system_identifier: server.systemIdentifier,
    postgres_version: versionText(server.versionNum),
    created_at: timestamp(server.createdAt),
    updated_at: timestamp(server.updatedAt),
    ...(server.probedAt === null ? {} : { probed_at: timestamp(server.probedAt) }),
    ...(maintenance === undefined ? {} : { maintenance: renderMaintenance(maintenance) }),
  };
}

/** What a server has just answered, with what follows from it. */
export function renderProbe(server: ServerRecord, probe: ServerProbe): Probe {
  const { facts, problem } = probe;
  const registered = {
    tlsMode: server.tls.mode,
    allowPlainTextPasswords: server.settings.allowPlainTextPasswords,
  };
  return {
    name: server.name,
    probed_at: timestamp(new Date()),
    endpoints: probe.endpoints.map(({ address, port, state: role, answer }) => ({ address, port, role, answer })),
    ...(problem === null ? {} : { problem }),
    ...(facts === null ? {} : renderFacts(facts)),
    warnings: facts === null ? [] : serverWarnings(facts, registered),
  };
}

/** Connections that one process of the control plane may open. */
const CONTROL_PLANE_CONNECTIONS = 4;

function renderFacts(facts: ServerFacts): Partial<Probe> {
  const { admin, limits, passwords } = facts;
  const vendor = vendorOf(facts);
  return {
    postgres_version: versionText(facts.versionNum),
    system_identifier: facts.systemIdentifier,
    admin: {
      user: admin.name,
      superuser: admin.superuser,
      createrole: admin.createrole,
      createdb: admin.createdb,
      replication: admin.replication,
      bypassrls: admin.bypassrls,
      signals_backends: admin.signalsBackends,
      reads_pg_authid: admin.readsPasswords,
      unsettable_parameters: admin.unsettable,
      unadministered_roles: admin.unadministered,
    },
    missing_rights: missingRights(facts).map(({ neededFor, ...rest }) => ({ ...rest, needed_for: neededFor })),
    limits: {
      max_connections: limits.maxConnections,
      reserved: limits.reserved,
      in_use: limits.inUse,
      control_plane: CONTROL_PLANE_CONNECTIONS,
    },
    passwords: {
      encryption: passwords.encryption,
      scram_iterations: passwords.scramIterations,
      checks: passwordChecks(facts).map(({ name, refusesVerifiers }) => ({
        name,
        refuses_verifiers: refusesVerifiers,
      })),
      checks_known: passwords.preloaded !== null,
    },
    ...(vendor === undefined
      ? {}
      : { vendor: { id: vendor.id, name: vendor.name, hints: vendor.hints, bootstrap_sql: vendor.bootstrap } }),
  };
}
