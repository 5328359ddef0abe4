import { readFile } from 'node:fs/promises';

/** A fenced block of a page. */
export interface Block {
  language: string;
  text: string;
  /** Line of the fence, from 1. */
  line: number;
  /** Heading that it stands under. */
  heading: string;
  /** What the comment before it says of it; readers do not see comments. */
  mark: { kind: string; value: string } | undefined;
}

/** What a page has, in its order: commands with the output that it shows for them, and files that its reader is to write. */
export type Step =
  | { kind: 'commands'; block: Block; exit: number; shown: Block | undefined }
  | { kind: 'file'; name: string; block: Block }
  | { kind: 'not run'; block: Block; reason: string };

export const ROOT = new URL('../../../', import.meta.url);

export const readPage = (path: string): Promise<string> => readFile(new URL(path, ROOT), 'utf8');

const FENCE = /^( *)```(.*)$/;
const MARK = /^<!-- ([a-z ]+?)(?:: (.*))? -->$/;

/** The test that runs the commands of a page in surroundings of its own, where the page names one in a comment. */
export const runElsewhere = (page: string): string | undefined => /^<!-- run by: (\S+) -->$/m.exec(page)?.[1];

/** Fenced blocks of a page, also those in list items, whose indentation is taken away. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  let before = '';
  let open: { block: Block; lines: string[]; indent: number } | undefined;
  for (const [index, line] of page.split('\n').entries()) {
    const [, indent = '', language = ''] = FENCE.exec(line) ?? [];
    const isFence = FENCE.test(line);
    if (open !== undefined) {
      if (isFence) {
        blocks.push({ ...open.block, text: open.lines.join('\n') });
        open = undefined;
      } else {
        open.lines.push(line.slice(Math.min(open.indent, line.search(/\S|$/))));
      }
    } else if (isFence) {
      const [, kind, value = ''] = MARK.exec(before.trim()) ?? [];
      const mark = kind === undefined ? undefined : { kind, value };
      const block = { language: language.trim(), text: '', line: index + 1, heading, mark };
      open = { block, lines: [], indent: indent.length };
      before = '';
    } else {
      if (/^#+ /.test(line)) heading = line;
      if (line.trim() !== '') before = line;
    }
  }
  return blocks;
}

/**
 * What is done with a page's blocks. The block after commands is what they show if it is JSON or text under the same heading, unless
 * a mark says that it is something else.
 */
export function stepsOf(page: string): Step[] {
  const blocks = blocksOf(page);
  return blocks.flatMap((block, index): Step[] => {
    if (block.mark?.kind === 'file') return [{ kind: 'file', name: block.mark.value, block }];
    if (block.language !== 'sh') return [];
    if (block.mark?.kind === 'not run') return [{ kind: 'not run', block, reason: block.mark.value }];
    const next = blocks[index + 1];
    const isShown =
      next !== undefined &&
      next.heading === block.heading &&
      ['json', 'text'].includes(next.language) &&
      next.mark === undefined;
    const exit = block.mark?.kind === 'exit' ? Number(block.mark.value) : 0;
    return [{ kind: 'commands', block, exit, shown: isShown ? next : undefined }];
  });
}
