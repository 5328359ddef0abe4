import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { describeConfig } from '../../../platform/config/describe-config.ts';

test('docs/configuration.md lists every variable with its default and meaning, and no other', async () => {
  const text = await readFile(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
  const documented = text.split('\n').filter((line) => line.startsWith('| `'));
  expect(documented).toEqual(describeConfig().map((row) => `| \`${row.name}\` | ${row.default} | ${row.meaning} |`));
});
