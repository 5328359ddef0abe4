import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

const ROOT = new URL('../../../', import.meta.url);
const page = await readFile(new URL('docs/security.md', ROOT), 'utf8');
const rows = [...page.matchAll(/^\| (R\d+) \| .+ \| `(test\/[^`]+)`: (.+) \|$/gm)].map(
  ([, rule = '', file = '', name = '']) => ({ rule, file, name }),
);

test('docs/security.md names a test for every rule, once', () => {
  expect(rows.map(({ rule }) => rule)).toEqual(Array.from({ length: 21 }, (_, index) => `R${index + 1}`));
});

test.each(rows)(
  '$rule is held by a test that is there under the name that docs/security.md gives',
  async ({ file, name }) => {
    const source = await readFile(new URL(file, ROOT), 'utf8');
    // As a whole title, or the end of one that a table of cases begins.
    expect(source.split(name).length - 1).toBeGreaterThan(0);
    expect(source).toMatch(/\b(test|it)(\.\w+)*\(/);
  },
);
