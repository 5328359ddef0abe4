import { access } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { EXIT_CODES, reportFacts, reportOf, type Verification } from '../../domain/audit/report.ts';
import type { Config } from '../../platform/config/config.ts';
import { loadKeyring } from '../../platform/secrets/keyring.ts';
import { onMetadata } from '../metadata.ts';
import { verifyAudit } from './verify.ts';

const USAGE = `usage: pgsteward audit verify [--anchors FILE…] [--json]

Verifies the audit log against its chain and against anchors: of the files given, or of the file that the settings name.
Exit code: 0 intact, 1 not intact, 2 cannot be said.`;

/** `audit verify`: reads the metadata database, the keyring and the anchors, and writes nothing. */
export async function runAudit(
  config: Config,
  out: { words: readonly string[]; say: (line: string) => void; complain: (line: string) => void },
): Promise<number> {
  const given = parseWords(out.words);
  if (given === undefined) {
    out.complain(USAGE);
    return EXIT_CODES.cannotSay;
  }
  try {
    const verification = await verify(config, given.anchorFiles);
    if (given.json) {
      const { code, facts } = reportFacts(verification);
      out.say(JSON.stringify(facts, null, 2));
      return code;
    }
    const { code, lines } = reportOf(verification);
    for (const line of lines) out.say(line);
    return code;
  } catch (error) {
    out.complain(`the audit log cannot be verified: ${error instanceof Error ? error.message : String(error)}`);
    return EXIT_CODES.cannotSay;
  }
}

async function verify(config: Config, files: readonly string[]): Promise<Verification> {
  const keyring = await loadKeyring(config.files.sealKeyring);
  return onMetadata(config, async (db) => {
    const anchorFiles = files.length > 0 ? files : await ownAnchors(config);
    return verifyAudit(db, { keyring, anchorFiles });
  });
}

/** The file of the settings, where it is there: on a machine without a control worker it is not. */
async function ownAnchors({ files }: Config): Promise<string[]> {
  return access(files.auditAnchors).then(
    () => [files.auditAnchors],
    () => [],
  );
}

function parseWords(words: readonly string[]): { anchorFiles: string[]; json: boolean } | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options: { anchors: { type: 'string', multiple: true }, json: { type: 'boolean' } },
      allowPositionals: true,
    });
    const [command, ...more] = positionals;
    const anchorFiles = [...(values.anchors ?? []), ...more];
    if (command !== 'verify' || (more.length > 0 && values.anchors === undefined)) return undefined;
    return { anchorFiles, json: values.json === true };
  } catch {
    return undefined;
  }
}
