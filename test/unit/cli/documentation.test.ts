import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { placesOf } from '../../../cli/completion/model.ts';
import { createProgram } from '../../../cli/program.ts';

const text = await readFile(new URL('../../../docs/cli.md', import.meta.url), 'utf8');
const silent = {
  out: () => undefined,
  note: () => undefined,
  colours: false,
  ask: undefined,
  readInput: async () => '',
};
const places = placesOf(createProgram({ env: {}, terminal: silent, exitCode: 0, json: false }, []));
const commands = places.filter(({ path, commands }) => path !== '' && commands.length === 0).map(({ path }) => path);

test('docs/cli.md has an example of every command', () => {
  expect(commands.length).toBeGreaterThan(25);
  expect(commands.filter((path) => !text.includes(`npx pgsteward ${path}`))).toEqual([]);
});

test('every option in an example of docs/cli.md is one of its command', () => {
  const known = new Map(places.map(({ path, options }) => [path, options.flatMap(({ flags }) => flags)]));
  const examples = text.replaceAll('\\\n', ' ').matchAll(/^npx pgsteward ([a-z][a-z ]*[a-z])(.*)$/gm);
  const wrong = [...examples].flatMap(([, words = '', rest = '']) => {
    const all = words.split(' ');
    const path = [2, 1].map((count) => all.slice(0, count).join(' ')).find((candidate) => known.has(candidate));
    if (path === undefined || !commands.includes(path)) return [];
    // What follows is of other programs.
    const own = rest.replace(/( \|\| | "\$\().*$/, '');
    const flags = [...own.matchAll(/ (--?[a-z][a-z-]*)/g)].map(([, flag]) => flag ?? '');
    return flags.filter((flag) => !known.get(path)?.includes(flag)).map((flag) => `${path} ${flag}`);
  });
  expect(wrong).toEqual([]);
});

test('no command takes a password or a token as a word of the command line', () => {
  const options = places.flatMap(({ path, options: all }) =>
    all.flatMap(({ flags }) => flags.map((flag) => ({ path, flag }))),
  );
  const secret = options.filter(({ flag }) => /password|token|secret/.test(flag) && !flag.endsWith('-file'));
  expect(secret).toEqual([]);
});
