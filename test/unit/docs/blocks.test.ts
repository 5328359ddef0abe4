/** What fenced blocks of the documentation are is said, so that test/docs runs every command and compares every output. */
import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { difference } from '../../docs/support/compare.ts';
import { blocksOf, ROOT, readPage, runElsewhere, stepsOf } from '../../docs/support/page.ts';

const below = await readdir(new URL('docs/', ROOT), { recursive: true });
const files = ['README.md', ...below.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];
const pages = await Promise.all(files.map(async (file) => ({ file, text: await readPage(file) })));

const LANGUAGES = ['sh', 'json', 'yaml', 'text', 'sql', 'hcl'];
/** More than there are commands that need another machine, a port below 1024 or minutes would hide something. */
const MOST_NOT_RUN = 15;

test.each(pages)('every block of $file says its language', ({ text }) => {
  expect(
    blocksOf(text)
      .filter(({ language }) => !LANGUAGES.includes(language))
      .map(({ line }) => line),
  ).toEqual([]);
});

test.each(pages)('every mark of $file is one that is known, with what it needs', ({ text }) => {
  const wrong = blocksOf(text).filter(({ mark, language }) => {
    if (mark === undefined) return false;
    const { kind, value } = mark;
    if (kind === 'not run') return language !== 'sh' || value.length < 10;
    if (kind === 'exit') return language !== 'sh' || !/^[1-9]\d?$/.test(value);
    if (kind === 'file') return !/^[\w.-]+$/.test(value);
    return kind !== 'example';
  });
  expect(wrong.map(({ line }) => line)).toEqual([]);
});

test.each(pages)(
  'the commands of $file are run by test/docs, or by a test that is there and names the page',
  async ({ file, text }) => {
    const test = runElsewhere(text);
    if (test !== undefined) expect(await readPage(test)).toContain(file);
  },
);

test('few commands are not run', () => {
  const own = pages.filter(({ text }) => runElsewhere(text) === undefined);
  const steps = own.flatMap(({ text }) => stepsOf(text));
  const count = (kind: string) => steps.filter((step) => step.kind === kind).length;
  expect(count('not run')).toBeLessThanOrEqual(MOST_NOT_RUN);
  expect(count('commands')).toBeGreaterThan(count('not run') * 3);
});

describe('what a page shows', () => {
  const json = (text: string, printed: string) => difference({ language: 'json', text }, printed);
  const text = (shown: string, printed: string) => difference({ language: 'text', text: shown }, printed);

  test('is what was printed, but for members that it leaves out and values that change', () => {
    const id = '01a1fc32-1bb4-721b-8f78-cb2791c88897';
    const other = '019f6a00-0000-7000-8000-000000000001';
    expect(json(`{"id": "${id}", "state": "ok"}`, `{"id":"${other}","state":"ok","more":1}`)).toBeUndefined();
    expect(json('[{"n": 1}, "…"]', '[{"n":1},{"n":2}]')).toBeUndefined();
    expect(json('{"a": 2}', '{"a":1}\n{"a":2}')).toBeUndefined();
    expect(text('task  x\n…\nend', 'task x\nsomething\nelse\nend')).toBeUndefined();
    expect(text(`id ${id} at 2026-11-27T00:46:48Z`, `id ${other} at 2027-01-01T00:00:00Z`)).toBeUndefined();
  });

  test.each([
    ['{"state": "ok"}', '{"state":"failed"}'],
    ['{"state": "ok"}', '{}'],
    ['[{"n": 1}]', '[{"n":1},{"n":2}]'],
    ['[{"n": 1}, {"n": 2}]', '[{"n":1}]'],
    ['{"n": 1}', '{"n":"1"}'],
    ['{"id": "01a1fc32-1bb4-721b-8f78-cb2791c88897"}', '{"id":"x"}'],
    ['{"n": null}', '{"n":0}'],
  ])('is told from what was printed otherwise: %s', (shown, printed) => {
    expect(json(shown, printed)).toEqual(expect.any(String));
  });

  test.each([
    ['one', 'two'],
    ['one', 'one\ntwo'],
    ['one\ntwo', 'one'],
    ['one\n…\nthree', 'one\ntwo'],
    ['one', ''],
  ])('is told from lines that are others: %j', (shown, printed) => {
    expect(text(shown, printed)).toEqual(expect.any(String));
  });
});
