import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { disguises } from '../../e2e/support/canary.ts';
import { filesBelow } from '../../e2e/support/survey.ts';
import type { Check } from './check.ts';

/** Begins every form that is searched for; the shortest of them is longer. */
const KEY_BYTES = 12;
const FILTER_BITS = 24;

/** No password that a client knows is in a log, whoever wrote it, nor in what Temporal keeps. */
export const checkSecrets: Check = async ({ installation, journal }) => {
  const { home, logsDir, hosts, temporal } = installation;
  const files = [
    ...(await filesBelow(logsDir)),
    ...(await filesBelow(temporal.stateDir)),
    ...(await filesBelow(join(home, 'postgres'))).filter((file) => file.endsWith('.log') && !file.includes('/pg_wal/')),
    ...(await Promise.all(hosts.map(({ dataDir }) => filesBelow(dataDir))))
      .flat()
      .filter((file) => file.includes('log')),
  ];
  const holds = searchFor(journal.secrets);
  const complaints: string[] = [];
  for (const file of files) {
    const at = holds(await readFile(file).catch(() => Buffer.alloc(0)));
    if (at !== undefined) complaints.push(`a password is in ${relative(home, file)}, at byte ${at}`);
  }
  return complaints;
};

/** Looks for thousands of secrets at once: a table of three bytes first, then of the beginnings, then all of it. */
function searchFor(secrets: ReadonlySet<string>): (content: Buffer) => number | undefined {
  const filter = new Uint8Array(2 ** FILTER_BITS);
  const beginnings = new Map<string, Buffer[]>();
  for (const form of [...secrets].flatMap(disguises)) {
    if (form.length < KEY_BYTES) throw new Error('a secret is too short to be searched for');
    filter[form.readUIntBE(0, 3)] = 1;
    const key = form.toString('latin1', 0, KEY_BYTES);
    beginnings.set(key, [...(beginnings.get(key) ?? []), form]);
  }
  return (content) => {
    for (let at = 0; at + KEY_BYTES <= content.length; at += 1) {
      if (filter[content.readUIntBE(at, 3)] === 0) continue;
      const forms = beginnings.get(content.toString('latin1', at, at + KEY_BYTES));
      if (forms?.some((form) => content.subarray(at, at + form.length).equals(form))) return at;
    }
    return undefined;
  };
}
