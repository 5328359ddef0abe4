import { parseArgs } from 'node:util';
import { benchCallers } from './roles/callers.ts';
import { benchDocuments } from './roles/documents.ts';
import { startBenchStack } from './stack.ts';

const PARTS = { documents: benchDocuments, callers: benchCallers };

/**
 * Roles and grants beside what they cost at least: documents of two sizes beside batched SQL from Node, and the creation of
 * single roles, at several numbers of callers, beside a stand-in of pg-user-api. The two sides take turns, so that a machine
 * that gets slower is slower for both.
 */
export async function rolesBench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { only: { type: 'string' }, runs: { type: 'string', default: '5' } },
  });
  const { only } = values;
  const wanted = Object.entries(PARTS).filter(([name]) => only === undefined || name === only);
  if (wanted.length === 0) throw new Error(`--only takes one of: ${Object.keys(PARTS).join(', ')}`);
  const stack = await startBenchStack({ PGSTEWARD_RUNTIME: 'process' });
  try {
    for (const [, part] of wanted) await part(stack, Number(values.runs));
  } finally {
    await stack.stop();
  }
}
