import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Check } from './check.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The chain of the audit log is intact and reaches the anchors of all workers. */
export const checkAudit: Check = async ({ installation }) => {
  const { anchorFiles, env } = installation;
  const child = spawn(process.execPath, ['scripts/start.mjs', 'audit', 'verify', '--anchors', ...anchorFiles], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const [code] = await once(child, 'close');
  return code === 0 ? [] : [`audit verify ended with ${code}: ${said.trim()}`];
};
