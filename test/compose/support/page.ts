import { readFile } from 'node:fs/promises';

const PAGE = await readFile(new URL('../../../docs/containers.md', import.meta.url), 'utf8');
const BLOCKS = [...PAGE.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);

/** Commands of docs/containers.md: the one block with this text in it. */
export function commands(text: string): string {
  const found = BLOCKS.filter((block) => block.includes(text));
  const [first] = found;
  if (first === undefined || found.length > 1) throw new Error(`${found.length} blocks of the page have ${text}`);
  return first;
}
