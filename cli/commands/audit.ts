import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { CliError, EXIT } from '../errors.ts';
import { speaks } from '../leaf.ts';
import type { Surroundings } from '../surroundings.ts';

interface ExportOptions {
  format?: string;
  output?: string;
  actor?: string;
  action?: string;
  resource?: string;
  kind?: string;
  outcome?: string;
  from?: string;
  to?: string;
}

/** The audit log. Verifying it needs the metadata database itself: that command is brought along by whoever calls. */
export function addAuditCommands(audit: Command, around: Surroundings): void {
  speaks<[], ExportOptions>(
    audit
      .command('export')
      .description('write the audit log, oldest first; the export is in the log itself')
      .option('--format <format>', 'jsonl or csv; jsonl unless given')
      .option('-o, --output <file>', 'file that is made; standard output unless given')
      .option('--actor <name>', 'what this account asked for')
      .option('--action <name>', 'such as database.create')
      .option('--resource <path>', 'this resource and what is below it, such as server/host-1')
      .option('--kind <kind>', 'intent, outcome, reveal or refusal')
      .option('--outcome <outcome>', 'how it ended')
      .option('--from <time>', 'recorded at this time or later')
      .option('--to <time>', 'recorded before this time'),
    around,
    async ({ client, terminal, json }, _args, options) => {
      const { output, format, actor, action, resource, kind, outcome, from, to } = options;
      if (json && format === 'csv') throw new CliError('--json and --format csv contradict each other');
      const chunks = await client.stream({
        path: '/v1/audit/export',
        query: { format, actor, action, resource, kind, outcome, from, to },
      });
      if (output === undefined) {
        const decoder = new TextDecoder();
        for await (const chunk of chunks) terminal.out(decoder.decode(chunk, { stream: true }));
        return EXIT.done;
      }
      const file = createWriteStream(output, { flags: 'wx', mode: 0o600 });
      await pipeline(Readable.from(chunks), file).catch((error: NodeJS.ErrnoException) => {
        throw new CliError(
          error.code === 'EEXIST'
            ? `${output} is there already`
            : `${output} cannot be written: ${error.code ?? error.message}`,
        );
      });
      terminal.note(`written to ${output}`);
      return EXIT.done;
    },
  );
}
