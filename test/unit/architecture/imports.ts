import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** One import of a source file. */
export interface Import {
  /** Importing file, from the root of the repository. */
  file: string;
  /** Imported file, from the root of the repository; for a package its name, such as `node:fs` or `pg`. */
  target: string;
  isOfThisProject: boolean;
  /** Erased when the code runs. */
  typeOnly: boolean;
}

/** Source files below a directory, from the root of the repository. */
export function sourceFiles(directory: string): string[] {
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|mjs)$/.test(file))
    .map((file) => join(directory, file));
}

export function readSource(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

const STATIC = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
const DYNAMIC = /\bimport\(\s*'([^']+)'\s*\)/g;

/** Imports and re-exports in a source text, in the style that the formatter enforces. */
export function importsIn(file: string, source: string): Import[] {
  const found = [
    ...[...source.matchAll(STATIC)].map(([, type, specifier = '']) => ({ specifier, typeOnly: type !== undefined })),
    ...[...source.matchAll(DYNAMIC)].map(([, specifier = '']) => ({ specifier, typeOnly: false })),
  ];
  return found.map(({ specifier, typeOnly }) => {
    const isOfThisProject = specifier.startsWith('.');
    const target = isOfThisProject ? join(dirname(file), specifier) : specifier;
    return { file, target, isOfThisProject, typeOnly };
  });
}
