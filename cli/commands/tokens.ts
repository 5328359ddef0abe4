import type { Command } from 'commander';
import type { z } from 'zod';
import type { createdTokenSchema, tokenListSchema, tokenSchema } from '../../api/schemas/account.ts';
import { GLOBAL_ROLES } from '../../domain/authority/roles.ts';
import { EXIT } from '../errors.ts';
import { collected, speaks } from '../leaf.ts';
import { facts, print, table } from '../output.ts';
import type { Surroundings } from '../surroundings.ts';

interface CreateOptions {
  name: string;
  account?: string;
  role?: string;
  expires?: string;
  environment?: string[];
  server?: string[];
  database?: string[];
}

/** What callers are known by. */
export function addTokenCommands(program: Command, around: Surroundings): void {
  const tokens = program.command('tokens').description('tokens, which callers are known by');

  speaks<[], { account?: string }>(
    tokens
      .command('list')
      .description('your tokens')
      .option('--account <name>', 'for administrators: those of this account'),
    around,
    async (context, _args, { account }) => {
      const answer = await context.client.call<z.infer<typeof tokenListSchema>>({
        path: '/v1/tokens',
        query: { account },
      });
      print(context, answer, () =>
        table(answer.tokens, {
          ID: ({ id }) => id,
          ACCOUNT: ({ account: of }) => of,
          NAME: ({ name }) => name,
          BEGINS: ({ prefix }) => prefix,
          ROLE: ({ role }) => role,
          EXPIRES: ({ expires_at }) => expires_at,
          REVOKED: ({ revoked_at }) => revoked_at,
          USED: ({ last_used_at }) => last_used_at,
        }),
      );
      return EXIT.done;
    },
  );

  speaks<[], CreateOptions>(
    tokens
      .command('create')
      .description('make a token, and print it: it is shown this once')
      .requiredOption('--name <name>', 'what it is for')
      .option('--account <name>', 'for administrators: whose it is')
      .option('--role <role>', `less than the account has: ${GLOBAL_ROLES.join(', ')}`)
      .option('--expires <time>', 'when it ends, such as 2027-01-31T00:00:00Z')
      .option('--environment <name>', 'confine it to this environment; may be given several times', collected)
      .option('--server <name>', 'confine it to this server; may be given several times', collected)
      .option('--database <id>', 'confine it to this database; may be given several times', collected),
    around,
    async (context, _args, options) => {
      const { name, account, role, expires, environment, server, database } = options;
      const scope = {
        ...(environment === undefined ? {} : { environments: environment }),
        ...(server === undefined ? {} : { servers: server }),
        ...(database === undefined ? {} : { databases: database }),
      };
      const answer = await context.client.call<z.infer<typeof createdTokenSchema>>({
        method: 'POST',
        path: '/v1/tokens',
        body: {
          name,
          ...(account === undefined ? {} : { account }),
          ...(role === undefined ? {} : { role }),
          ...(expires === undefined ? {} : { expires_at: expires }),
          ...(Object.keys(scope).length === 0 ? {} : { scope }),
        },
      });
      // The token alone, so that it can be piped into a file.
      if (!context.json) context.terminal.note(`id ${answer.token.id}; keep the token, it is not shown again`);
      print(context, answer, () => answer.secret ?? '');
      return EXIT.done;
    },
  );

  speaks<[string], object>(
    tokens
      .command('revoke')
      .description('revoke a token: the next request with it is refused')
      .argument('<id>', 'id of the token'),
    around,
    async (context, [id]) => {
      const answer = await context.client.call<z.infer<typeof tokenSchema>>({
        method: 'DELETE',
        path: `/v1/tokens/${encodeURIComponent(id)}`,
      });
      print(context, answer, () => facts({ id: answer.id, name: answer.name, revoked: answer.revoked_at }));
      return EXIT.done;
    },
  );
}
