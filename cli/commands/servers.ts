import type { Command } from 'commander';
import type { z } from 'zod';
import type { serverListSchema, serverProbeSchema, serverSchema } from '../../api/schemas/server.ts';
import { CliError, EXIT } from '../errors.ts';
import { readSecret, readText } from '../files.ts';
import { collected, speaks } from '../leaf.ts';
import { facts, print, table } from '../output.ts';
import type { Surroundings } from '../surroundings.ts';

type Server = z.infer<typeof serverSchema>;
type Probe = z.infer<typeof serverProbeSchema>;

interface AddOptions {
  endpoint: string[];
  adminUser: string;
  adminPasswordFile?: string;
  tls: string;
  caFile?: string;
  maintenanceDatabase: string;
  label?: string[];
}

/** Registered PostgreSQL servers. */
export function addServerCommands(program: Command, around: Surroundings): void {
  const servers = program.command('servers').description('registered PostgreSQL servers');

  speaks<[], { label?: string[] }>(
    servers
      .command('list')
      .description('all servers')
      .option('-l, --label <name=value>', 'only those with this label; may be given several times', collected),
    around,
    async (context, _args, { label }) => {
      const answer = await context.client.call<z.infer<typeof serverListSchema>>({
        path: '/v1/servers',
        query: { label },
      });
      print(context, answer, () =>
        table(answer.servers, {
          NAME: ({ name }) => name,
          VERSION: ({ postgres_version }) => postgres_version,
          ENDPOINTS: ({ endpoints }) => endpoints.map(({ address, port }) => `${address}:${port}`).join(','),
          TLS: ({ tls }) => tls.mode,
          ADMIN: ({ admin }) => admin.user,
          LABELS: ({ labels }) =>
            Object.entries(labels)
              .map((pair) => pair.join('='))
              .join(','),
        }),
      );
      return EXIT.done;
    },
  );

  speaks<[string], AddOptions>(
    servers
      .command('add')
      .description('register a server, after logging in to it')
      .argument('<name>', 'name it is known by')
      .requiredOption('--endpoint <address:port>', 'a primary, and its standbys; may be given several times', collected)
      .requiredOption('--admin-user <role>', 'role that pgsteward logs in as')
      .option('--admin-password-file <file>', 'file with its password, - is standard input; asked for unless given')
      .option('--tls <mode>', 'disable, require, verify-ca or verify-full', 'verify-full')
      .option('--ca-file <file>', 'certificates of the authority, as PEM; the public ones unless given')
      .option('--maintenance-database <name>', 'database that is always there', 'postgres')
      .option('-l, --label <name=value>', 'a label; may be given several times', collected),
    around,
    async (context, [name], options) => {
      const { terminal, client } = context;
      const password = await readSecret(terminal, {
        file: options.adminPasswordFile,
        question: `Password of ${options.adminUser}: `,
        option: '--admin-password-file',
      });
      const certificate = options.caFile === undefined ? undefined : await readText(terminal, options.caFile);
      const answer = await client.call<Server>({
        method: 'POST',
        path: '/v1/servers',
        body: {
          name,
          endpoints: options.endpoint.map(endpointOf),
          admin: { user: options.adminUser, password },
          tls: { mode: options.tls, ...(certificate === undefined ? {} : { ca_certificate: certificate }) },
          maintenance_database: options.maintenanceDatabase,
          labels: Object.fromEntries((options.label ?? []).map(labelOf)),
        },
      });
      print(context, answer, () =>
        facts({ name: answer.name, version: answer.postgres_version, system: answer.system_identifier }),
      );
      return EXIT.done;
    },
  );

  speaks<[string], object>(
    servers
      .command('probe')
      .description('ask a server what it is and what pgsteward may do there; exit code 1: something needed is missing')
      .argument('<name>', 'registered server'),
    around,
    async (context, [name]) => {
      const answer = await context.client.call<Probe>({
        method: 'POST',
        path: `/v1/servers/${encodeURIComponent(name)}/probe`,
      });
      print(context, answer, () => probeText(answer));
      const lacks = answer.missing_rights?.some(({ required }) => required) === true;
      return answer.problem !== undefined || lacks ? EXIT.failed : EXIT.done;
    },
  );
}

function endpointOf(text: string): { address: string; port: number } {
  const [, bracketed, plain, port = '5432'] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = bracketed ?? plain;
  if (address === undefined)
    throw new CliError(`${JSON.stringify(text)} is no endpoint such as db.example.com:5432 or [::1]:5432`);
  return { address, port: Number(port) };
}

function labelOf(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new CliError(`${JSON.stringify(text)} is no label such as environment=prod`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function probeText(probe: Probe): string {
  const { missing_rights: missing = [], warnings } = probe;
  const parts = [
    facts({
      server: probe.name,
      version: probe.postgres_version,
      system: probe.system_identifier,
      admin: probe.admin && `${probe.admin.user}${probe.admin.superuser ? ', a superuser' : ''}`,
      vendor: probe.vendor?.name,
      problem: probe.problem,
    }),
    table(probe.endpoints, {
      ENDPOINT: ({ address, port }) => `${address}:${port}`,
      ROLE: ({ role }) => role,
      ANSWER: ({ answer }) => answer,
    }),
    ...(missing.length === 0
      ? []
      : [
          table(missing, {
            MISSING: ({ right }) => right,
            NEEDED: ({ required }) => (required ? 'always' : 'sometimes'),
            FOR: ({ needed_for }) => needed_for,
            'A SUPERUSER RUNS': ({ statement }) => statement,
          }),
        ]),
    ...(warnings.length === 0 ? [] : [warnings.map((warning) => `warning: ${warning}`).join('\n')]),
  ];
  return parts.join('\n\n');
}
