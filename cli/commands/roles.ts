import type { Command } from 'commander';
import { stringify } from 'yaml';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../errors.ts';
import { readData } from '../files.ts';
import { exitCodeOf, follow, type Task } from '../follow.ts';
import { collected, speaks } from '../leaf.ts';
import { print } from '../output.ts';
import type { Surroundings } from '../surroundings.ts';
import { type Plan, planText } from './plan-text.ts';

interface DocumentOptions {
  file: string;
  server: string;
  sql: boolean;
}

interface ApplyOptions extends DocumentOptions {
  yes?: true;
  planHash?: string;
  proveLogin?: true;
}

/** Documents of roles and grants: what they would change, the change, and a server as one. */
export function addRoleCommands(program: Command, around: Surroundings): void {
  const withDocument = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .requiredOption('-f, --file <file>', 'document of roles and grants, as YAML or JSON; - is standard input')
      .requiredOption('-s, --server <name>', 'registered server')
      .option('--no-sql', 'leave the statements out of the text');

  speaks<[], DocumentOptions>(
    withDocument('plan', 'show what a document would change; exit code 0: nothing, 2: changes, 1: not possible'),
    around,
    async (context, _args, options) => {
      const { plan } = await planOf(context, options);
      print(context, plan, () => planText(plan, options, context.terminal));
      if (plan.refusals.length > 0) return EXIT.failed;
      return plan.empty ? EXIT.done : EXIT.changesPending;
    },
  );

  speaks<[], ApplyOptions>(
    withDocument('apply', 'make a server as a document asks; exit code 0: it is so now, 1: it is not')
      .option('-y, --yes', 'ask nobody; without a terminal nobody is asked anyway')
      .option('--plan-hash <hash>', 'apply this plan and no other, such as the one that was reviewed')
      .option('--prove-login', 'log in as every role whose password is set'),
    around,
    apply,
  );

  speaks<[], { server: string; database?: string[]; output?: string }>(
    program
      .command('export')
      .description('write a server as a document whose plan is empty; passwords are not in it')
      .requiredOption('-s, --server <name>', 'registered server')
      .option('-d, --database <name>', 'only this database; may be given several times', collected),
    around,
    async (context, _args, { server, database }) => {
      const answer = await context.client.call<{ document: unknown; notes: string[] }>({
        path: `/v1/servers/${encodeURIComponent(server)}/document`,
        query: { database },
      });
      for (const note of answer.notes) context.terminal.note(`note: ${note}`);
      print(context, answer.document, () => stringify(answer.document));
      return EXIT.done;
    },
  );
}

async function planOf(context: Context, { file, server }: DocumentOptions): Promise<{ document: unknown; plan: Plan }> {
  const document = await readData(context.terminal, file);
  const plan = await context.client.call<Plan>({
    method: 'POST',
    path: `/v1/servers/${encodeURIComponent(server)}/plan`,
    body: { document },
  });
  return { document, plan };
}

async function apply(context: Context, _args: [], options: ApplyOptions): Promise<number> {
  const { terminal, client } = context;
  const { document, plan } = await planOf(context, options);
  const text = planText(plan, options, terminal);
  if (context.json) terminal.note(text);
  else terminal.out(text);
  if (options.planHash !== undefined && options.planHash !== plan.hash) {
    throw new CliError(`the plan is ${plan.hash} now, and not ${options.planHash}: look at it again`);
  }
  if (plan.refusals.length > 0) throw new CliError('refused; nothing was applied');
  if (plan.empty) {
    if (context.json) print(context, { applied: false, plan_hash: plan.hash }, () => '');
    return EXIT.done;
  }
  if (options.yes !== true && terminal.ask !== undefined) {
    const answer = await terminal.ask(`Apply this to server ${options.server}? Only "yes" does: `);
    if (answer.trim() !== 'yes') throw new CliError('nothing was applied');
  }
  const accepted = await client.call<{ task: Task }>({
    method: 'POST',
    path: `/v1/servers/${encodeURIComponent(options.server)}/apply`,
    body: { document, plan_hash: plan.hash, prove_login: options.proveLogin === true },
  });
  const task = await follow(context, accepted.task);
  print(context, { applied: task.status === 'completed', plan_hash: plan.hash, task }, () =>
    task.status === 'completed' ? `Applied by task ${task.task_id}.` : '',
  );
  if (task.status !== 'completed') throw new CliError(`task ${task.task_id} is ${task.status}: ${task.error ?? ''}`);
  return exitCodeOf(task);
}
