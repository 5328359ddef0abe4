import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { filesBelow } from './survey.ts';

/** A secret that exists nowhere else, to be searched for everywhere. */
export function makeCanary(label: string): string {
  return `canary-${label}-${randomBytes(18).toString('hex')}`;
}

/** What a SCRAM verifier begins with: as telling as the password to whoever can try passwords on it. */
export const VERIFIER_PREFIX = 'SCRAM-SHA-256$';

/**
 * The forms in which a text may lie about: as it is, in hexadecimal, and in Base64 (three, because Base64 depends on the
 * place within its surroundings; cut to what is the same in any).
 */
export function disguises(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  const base64 = [0, 1, 2].map((offset) =>
    Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .slice(4, -6),
  );
  return [text, bytes.toString('hex'), ...base64].map((form) => Buffer.from(form));
}

/** Which of the named texts hold one of the secrets, in whatever form. */
export function holders(of: Record<string, string | Uint8Array>, secrets: readonly string[]): string[] {
  const forms = secrets.flatMap(disguises);
  return Object.entries(of).flatMap(([name, content]) => {
    const bytes = Buffer.from(content);
    return forms.some((form) => bytes.includes(form)) ? [name] : [];
  });
}

/** Which files below a directory hold one of the secrets, as paths relative to it. */
export async function filesThatHold(directory: string, secrets: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of await filesBelow(directory)) {
    // A server at work adds and removes files while they are listed.
    const content = await readFile(path).catch(() => Buffer.alloc(0));
    found.push(...holders({ [relative(directory, path)]: content }, secrets));
  }
  return found.toSorted();
}
