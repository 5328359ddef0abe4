import { parseArgs } from 'node:util';
import type { Config } from '../../platform/config/config.ts';
import { checkFiles } from './check-files.ts';
import { checkMetadata } from './check-metadata.ts';
import { checkNode } from './check-node.ts';
import { checkServers } from './check-servers.ts';
import { checkServices } from './check-services.ts';
import { checkTemporal } from './check-temporal.ts';
import { type Finding, warning } from './finding.ts';
import { reportText } from './report.ts';

const USAGE = 'usage: pgsteward doctor [--json]';

/**
 * `doctor`: looks at everything that pgsteward needs, changes nothing, and says how to mend what is wrong.
 * @returns 0 without problems, 1 with them
 */
export async function runDoctor(
  config: Config,
  out: { words: readonly string[]; say: (line: string) => void; complain: (line: string) => void },
): Promise<number> {
  const options = parseWords(out.words);
  if (options === undefined) {
    out.complain(USAGE);
    return 1;
  }
  const findings = await examine(config);
  const healthy = findings.every(({ state }) => state !== 'problem');
  if (options.json) out.say(JSON.stringify({ healthy, findings }, null, 2));
  else for (const line of reportText(findings)) out.say(line);
  return healthy ? 0 : 1;
}

async function examine(config: Config): Promise<Finding[]> {
  const [files, metadata, temporal, services] = await Promise.all([
    checkFiles(config),
    checkMetadata(config),
    checkTemporal(config),
    checkServices(config),
  ]);
  const { db } = metadata;
  try {
    const servers =
      db === undefined
        ? [warning('Servers', 'not looked at: they are in the metadata database', 'see the metadata database above')]
        : await checkServers(config, db);
    return [...checkNode(process.versions.node), ...files, ...metadata.findings, ...temporal, ...services, ...servers];
  } finally {
    await db?.end();
  }
}

function parseWords(words: readonly string[]): { json: boolean } | undefined {
  try {
    const { values } = parseArgs({ args: [...words], options: { json: { type: 'boolean' } } });
    return { json: values.json === true };
  } catch {
    return undefined;
  }
}
