import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { API_ERRORS } from '../../../api/errors.ts';
import { SCHEMA_ERRORS } from '../../../api/schema-problems.ts';
import { FAILURES } from '../../../domain/failures.ts';

const page = await readFile(new URL('../../../docs/failures.md', import.meta.url), 'utf8');

/** Rows of the table below a heading, by the name in their first cell. */
function rowsBelow(heading: string): [name: string, cells: string[]][] {
  const [, section = ''] = page.split(`## ${heading}\n`);
  const [own = ''] = section.split('\n## ');
  return own
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [name = '', ...cells] = line
        .slice(1, -1)
        .split(' | ')
        .map((cell) => cell.trim());
      return [name.replaceAll('`', ''), cells];
    });
}

describe('docs/failures.md', () => {
  test('has every failure of a step, no other, and whether it is retried', () => {
    const documented = rowsBelow('Failures of steps').map(([name, [retried = '']]) => [
      name,
      retried.startsWith('yes'),
    ]);
    expect(documented).toEqual(Object.entries(FAILURES).map(([name, { retryable }]) => [name, retryable]));
  });

  test('has every name of a refused request with its status, and no other', () => {
    const documented = rowsBelow('Names of refused requests').map(([name, [status]]) => [name, Number(status)]);
    expect(documented).toEqual(Object.entries(API_ERRORS));
  });

  test('has every name of a request with a wrong shape with its status, and no other', () => {
    const documented = rowsBelow('Names of requests with a wrong shape').map(([name, [status]]) => [
      name,
      Number(status),
    ]);
    expect(documented).toEqual(Object.entries(SCHEMA_ERRORS));
  });

  test('says of each failure what it means and what to do', () => {
    const thin = rowsBelow('Failures of steps').filter(
      ([, cells]) => cells.length !== 3 || cells.slice(1).some((cell) => cell.length < 15),
    );
    expect(thin).toEqual([]);
  });
});
