/** Links, anchors and names of the documentation lead to what is there. */
import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describeConfig } from '../../../platform/config/describe-config.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const below = await readdir(join(ROOT, 'docs'), { recursive: true });
const files = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...below.map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
);
const pages = new Map(
  await Promise.all(files.map(async (file) => [file, await readFile(join(ROOT, file), 'utf8')] as const)),
);

/** Without fenced blocks and code: what stands there is no link. */
const prose = (text: string) => text.replace(/^ *```[\s\S]*?^ *```$/gm, '').replace(/`[^`\n]*`/g, '');

/** Anchors as GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  const headings = text.replace(/^ *```[\s\S]*?^ *```$/gm, '').matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test.each(files)('every relative link of %s leads to a file, and every anchor to a heading', async (file) => {
  const text = pages.get(file) ?? '';
  const broken: string[] = [];
  for (const [, target = ''] of prose(text).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [path = '', anchor] = target.split('#');
    const linked = path === '' ? file : normalize(join(dirname(file), path));
    const isThere = await access(join(ROOT, linked)).then(
      () => true,
      () => false,
    );
    const page = pages.get(linked);
    if (!isThere || (anchor !== undefined && (page === undefined || !anchorsOf(page).includes(anchor)))) {
      broken.push(target);
    }
  }
  expect(broken).toEqual([]);
});

/** Variables of the command line and of the tests. */
const OTHERS = ['PGSTEWARD_URL', 'PGSTEWARD_TOKEN', 'PGSTEWARD_TOKEN_FILE', 'PGSTEWARD_TEST_DOCKER'];

test('every PGSTEWARD_ variable that a page names exists', async () => {
  const composition = await readFile(join(ROOT, 'docker-compose.yml'), 'utf8');
  const ofComposition = [...composition.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name);
  const known = new Set([...OTHERS, ...ofComposition, ...describeConfig().map(({ name }) => name)]);
  const unknown = [...pages].flatMap(([file, text]) =>
    [...text.matchAll(/\bPGSTEWARD_[A-Z_]+\b/g)]
      .filter(([name]) => !known.has(name) && name !== 'PGSTEWARD_')
      .map(([name]) => `${file}: ${name}`),
  );
  expect(unknown).toEqual([]);
});

test('every file of the repository that a page names in code is there', async () => {
  const named = [...pages].flatMap(([file, text]) =>
    [
      ...text.matchAll(
        /`((?:domain|workflows|activities|store|platform|api|cli|worker|test|ops|scripts|bench)\/[\w./-]+)`/g,
      ),
    ].map(([, path = '']) => ({ file, path })),
  );
  const missing: string[] = [];
  for (const { file, path } of named) {
    await access(join(ROOT, path)).catch(() => missing.push(`${file}: ${path}`));
  }
  expect(missing).toEqual([]);
});

test('docs/README.md leads to every page', () => {
  const index = pages.get('docs/README.md') ?? '';
  const own = files.filter((file) => file.startsWith('docs/') && file !== 'docs/README.md');
  expect(own.filter((file) => !index.includes(`(${file.slice('docs/'.length)}`))).toEqual([]);
});
