import { access, constants, stat } from 'node:fs/promises';
import { Failure } from '../../domain/failures.ts';
import type { Config } from '../../platform/config/config.ts';
import { loadJoinToken } from '../../platform/secrets/join-token.ts';
import { loadKeyring } from '../../platform/secrets/keyring.ts';
import { type Finding, messageOf, ok, problem, warning } from './finding.ts';

interface SecretFile {
  subject: string;
  file(config: Config): string;
  load(file: string): Promise<unknown>;
  /** What to do where there is none. */
  missing: string;
}

const SECRET_FILES: readonly SecretFile[] = [
  {
    subject: 'Keyring of stored secrets',
    file: ({ files }) => files.sealKeyring,
    load: loadKeyring,
    missing:
      'the first start makes it; where there was one, copy it back: without it no stored secret can be read (PGSTEWARD_SEAL_KEYRING_FILE)',
  },
  {
    subject: 'Keyring of Temporal payloads',
    file: ({ files }) => files.codecKeyring,
    load: loadKeyring,
    missing:
      'the first start of `dev` makes it; all processes need the same one, so copy it to each machine (PGSTEWARD_CODEC_KEYRING_FILE)',
  },
  {
    subject: 'Join token of hosts',
    file: ({ files }) => files.joinToken,
    load: loadJoinToken,
    missing: 'the first start makes it; hosts need the same one (PGSTEWARD_JOIN_TOKEN_FILE)',
  },
];

/** The state directory, and the files with secrets: that they are there, whole, and private. */
export async function checkFiles(config: Config): Promise<Finding[]> {
  return [await checkHome(config.home), ...(await Promise.all(SECRET_FILES.map((file) => checkSecret(config, file))))];
}

async function checkHome(home: string): Promise<Finding> {
  const subject = 'State directory';
  const status = await stat(home).catch(() => undefined);
  if (status === undefined) return warning(subject, `${home} does not exist`, 'the first start makes it');
  if (!status.isDirectory()) return problem(subject, `${home} is no directory`, 'set PGSTEWARD_HOME to a directory');
  return access(home, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => ok(subject, home),
    () =>
      problem(subject, `${home} cannot be written`, `give it to the user that runs pgsteward: chown -R <user> ${home}`),
  );
}

async function checkSecret(config: Config, { subject, file, load, missing }: SecretFile): Promise<Finding> {
  const path = file(config);
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  if (!exists) return warning(subject, `${path} does not exist`, missing);
  try {
    await load(path);
    return ok(subject, path);
  } catch (error) {
    const remedy = /run: (.+)$/.exec(messageOf(error))?.[1];
    if (!(error instanceof Failure)) throw error;
    return problem(subject, messageOf(error).replace(/; run: .+$/, ''), remedy ?? 'restore the file from its copy');
  }
}
