import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Failure } from '../../domain/failures.ts';
import { createPrivateFile } from '../../platform/files/private-file.ts';
import { ensureJoinToken } from '../../platform/secrets/join-token.ts';
import { ensureKeyring } from '../../platform/secrets/keyring.ts';
import { IMAGE_USER, settingsFor, usersOf, withMissing } from './settings.ts';

/** Everything that is made lies below, but for the settings; git ignores both. */
const DIRECTORY = '.compose';
const SETTINGS = '.env';
const SOCKET = '/var/run/docker.sock';
const PASSWORD_BYTES = 24;

/** Files that docker-compose.yml hands to containers as secrets, and what makes each. */
const SECRETS: Readonly<Record<string, (file: string) => Promise<unknown>>> = {
  'metadata-superuser-password': ensurePassword,
  'metadata-password': ensurePassword,
  'temporal-password': ensurePassword,
  'target-password': ensurePassword,
  'seal-keyring': ensureKeyring,
  'codec-keyring': ensureKeyring,
  'join-token': ensureJoinToken,
};

/**
 * `compose-init`: makes the passwords, keys and the token of a composition in the working directory, and the settings that
 * depend on the machine. What is there already is kept, so it may run any number of times.
 */
export async function runComposeInit({ say }: { say: (line: string) => void }): Promise<number> {
  const root = process.cwd();
  await stat(join(root, 'docker-compose.yml')).catch(() => {
    throw new Failure('ConfigurationInvalid', `there is no docker-compose.yml in ${root}: run this beside it`);
  });
  const directory = join(root, DIRECTORY);
  const secrets = join(directory, 'secrets');
  const hostData = join(directory, 'host');
  await mkdir(secrets, { recursive: true, mode: 0o700 });
  // Service containers find their files below it, as whichever user they run.
  await mkdir(hostData, { recursive: true, mode: 0o711 });
  for (const [name, ensure] of Object.entries(SECRETS)) await ensure(join(secrets, name));

  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  // What root makes is for the user of the image: nothing in the composition runs as root.
  const user = uid === 0 ? IMAGE_USER : { uid, gid };
  if (uid === 0) {
    const made = [directory, secrets, hostData, ...Object.keys(SECRETS).map((name) => join(secrets, name))];
    for (const path of made) await chown(path, user.uid, user.gid);
  }
  await writeFile(join(directory, 'passwd'), usersOf(user), { mode: 0o644 });
  const file = resolve(root, SETTINGS);
  const settings = settingsFor({ user, engineGroup: await engineGroup(), hostData });
  const before = await readFile(file, 'utf8').catch(() => '');
  await writeFile(file, withMissing(before, settings));
  say(`secrets are in ${secrets}, settings in ${file}`);
  return 0;
}

/** A password that needs no quoting anywhere. */
async function ensurePassword(file: string): Promise<void> {
  await createPrivateFile(file, `${randomBytes(PASSWORD_BYTES).toString('base64url')}\n`);
}

/** Group that may use the engine's socket. @throws Failure where there is no socket */
async function engineGroup(): Promise<number> {
  try {
    return (await stat(SOCKET)).gid;
  } catch {
    throw new Failure(
      'EngineUnavailable',
      `there is no ${SOCKET}: start the engine; in a container, mount the socket: -v ${SOCKET}:${SOCKET}`,
    );
  }
}
