import type { Command } from 'commander';
import type { Client } from '../client.ts';
import { seconds } from '../duration.ts';
import { CliError, EXIT } from '../errors.ts';
import { collected, speaks, wholeNumber } from '../leaf.ts';
import { facts, print, table } from '../output.ts';
import type { Surroundings } from '../surroundings.ts';

/** What is shown of a lease. */
interface Lease {
  id: string;
  server: string;
  username: string;
  roles: string[];
  holder: string;
  reason: string;
  state: string;
  ends_at: string;
  max_ends_at: string;
  ended_at?: string;
  last_error?: string;
}

interface IssuedLease extends Lease {
  password: string | null;
  handover?: { url: string; expires_at: string } | null;
}

interface CreateOptions {
  server?: string;
  role?: string[];
  template?: string;
  ttl?: number;
  maxTtl?: number;
  reason: string;
  name?: string;
  handover?: true;
  handoverHours?: number;
}

const PATH = '/v1/leases';
const pathOf = (id: string): string => `${PATH}/${encodeURIComponent(id)}`;

/** Logins that end by themselves. */
export function addLeaseCommands(program: Command, around: Surroundings): void {
  const leases = program.command('lease').description('logins that end by themselves');

  speaks<[], CreateOptions>(
    leases
      .command('create')
      .description('get a login for a time, and print its password')
      .requiredOption('--reason <text>', 'what it is for; kept in the audit log')
      .option('-s, --server <name>', 'registered server; not needed where the template names one')
      .option('-r, --role <name>', 'group role that it is a member of; may be given several times', collected)
      .option('-t, --template <name>', 'lease template, instead of roles')
      .option('--ttl <time>', 'how long, such as 30m or 8h', seconds('--ttl'))
      .option('--max-ttl <time>', 'beyond which no renewal moves its end', seconds('--max-ttl'))
      .option('--name <text>', 'part of the name of the login')
      .option('--handover', 'answer a link that shows the password once, instead of the password')
      .option(
        '--handover-hours <hours>',
        'how long the link is good for',
        wholeNumber('--handover-hours', { least: 1, most: 168 }),
      ),
    around,
    async (context, _args, options) => {
      const { server, role, template, ttl, maxTtl, reason, name, handover, handoverHours } = options;
      if ((role === undefined) === (template === undefined))
        throw new CliError('a lease needs --role or --template, and not both');
      const answer = await context.client.call<IssuedLease>({
        method: 'POST',
        path: PATH,
        body: {
          reason,
          ...(server === undefined ? {} : { server }),
          ...(role === undefined ? {} : { roles: role }),
          ...(template === undefined ? {} : { template }),
          ...(ttl === undefined ? {} : { ttl }),
          ...(maxTtl === undefined ? {} : { max_ttl: maxTtl }),
          ...(name === undefined ? {} : { name }),
          ...(handover === true ? { handover: 'link' } : {}),
          ...(handoverHours === undefined ? {} : { handover_hours: handoverHours }),
        },
      });
      print(context, answer, () =>
        facts({
          lease: answer.id,
          server: answer.server,
          username: answer.username,
          password: answer.password,
          'shown once at': answer.handover?.url,
          'ends at': answer.ends_at,
          'at most until': answer.max_ends_at,
        }),
      );
      return EXIT.done;
    },
  );

  speaks<[], { server?: string; state?: string; holder?: string }>(
    leases
      .command('list')
      .description('leases, newest first')
      .option('-s, --server <name>', 'of this server')
      .option('--state <state>', 'in this state; live is everything that is not over', 'live')
      .option('--holder <account>', 'of this account'),
    around,
    async (context, _args, { server, state, holder }) => {
      const answer = { leases: await everyLease(context.client, { server, state, holder }) };
      print(context, answer, () =>
        table(answer.leases, {
          LEASE: ({ id }) => id,
          SERVER: ({ server: name }) => name,
          USER: ({ username }) => username,
          HOLDER: ({ holder: account }) => account,
          STATE: ({ state: now }) => now,
          ENDS: ({ ends_at }) => ends_at,
          ROLES: ({ roles }) => roles.join(','),
          REASON: ({ reason }) => reason,
        }),
      );
      return EXIT.done;
    },
  );

  speaks<[string], { ttl?: number }>(
    leases
      .command('renew')
      .description('move the end of a lease')
      .argument('<lease>', 'id of the lease')
      .option('--ttl <time>', 'from now on; as long as at first unless given', seconds('--ttl')),
    around,
    async (context, [id], { ttl }) => {
      const body = ttl === undefined ? {} : { ttl };
      const answer = await context.client.call<Lease>({ method: 'POST', path: `${pathOf(id)}/renew`, body });
      print(context, answer, () =>
        facts({ lease: answer.id, 'ends at': answer.ends_at, 'at most until': answer.max_ends_at }),
      );
      return EXIT.done;
    },
  );

  speaks<[string], object>(
    leases
      .command('revoke')
      .description('end a lease now; exit code 1: it could not be ended, 3: not yet')
      .argument('<lease>', 'id of the lease'),
    around,
    async (context, [id]) => {
      const answer = await context.client.call<Lease>({ method: 'POST', path: `${pathOf(id)}/revoke` });
      print(context, answer, () =>
        facts({
          lease: answer.id,
          username: answer.username,
          state: answer.state,
          'ended at': answer.ended_at,
          error: answer.last_error,
        }),
      );
      return REVOKED[answer.state] ?? EXIT.done;
    },
  );
}

/** Exit codes by the state that a lease is in after it was revoked. */
const REVOKED: Readonly<Record<string, number>> = { ending: EXIT.stillRunning, failed: EXIT.failed };

async function everyLease(client: Client, query: Readonly<Record<string, string | undefined>>): Promise<Lease[]> {
  const leases: Lease[] = [];
  let after: string | undefined;
  do {
    const page = await client.call<{ leases: Lease[]; next_lease_id?: string }>({
      path: PATH,
      query: { ...query, limit: 1000, after_lease_id: after },
    });
    leases.push(...page.leases);
    after = page.next_lease_id;
  } while (after !== undefined);
  return leases;
}
