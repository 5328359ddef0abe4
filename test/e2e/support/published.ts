import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isPortFree } from './ports.ts';

/** The requests of pgEdge Control Plane's PostgREST documentation; all three use one id and one port. */
export type PublishedExample = 'read-only-api' | 'jwt-authenticated-api' | 'multiple-schemas';

/** Port of the published examples; the admin gateway takes the next one. */
const PUBLISHED_PORT = 3100;

const file = (name: string) => fileURLToPath(new URL(`../published/${name}`, import.meta.url));

/**
 * The body of a published example, as it is; only where somebody on this machine holds its ports, with another port.
 * @param spare first of two ports to use instead
 */
export async function publishedBody(
  name: PublishedExample,
  spare: number,
): Promise<{ text: string; port: number; body: { id: string; spec: Record<string, unknown> } }> {
  const text = await readFile(file(`${name}.json`), 'utf8');
  const free = (await isPortFree(PUBLISHED_PORT)) && (await isPortFree(PUBLISHED_PORT + 1));
  const port = free ? PUBLISHED_PORT : spare;
  const placed = text.replace(`"port": ${PUBLISHED_PORT}`, `"port": ${port}`);
  return { text: placed, port, body: JSON.parse(placed) };
}

/** A token made by the documentation's own script: role `app`, valid for an hour. */
export async function publishedToken(): Promise<string> {
  const { stdout } = await promisify(execFile)('python3', [file('token.py')]);
  return stdout.trim();
}
