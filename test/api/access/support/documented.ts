import { readFile } from 'node:fs/promises';
import { GLOBAL_ROLES } from '../../../../domain/authority/roles.ts';

/** A row of the table in docs/authorization.md. */
export interface DocumentedRule {
  key: string;
  method: string;
  path: string;
  /** Undefined: anyone. */
  roles: readonly string[] | undefined;
  scope:
    | { about: 'nothing' | 'installation' }
    | { about: 'list'; kinds: string[] }
    | { about: 'one'; kind: string; parameter: string };
  open: boolean;
}

const ROW = /^\| `(([A-Z]+) (\S+))` \| (.+?) \| (.+?) \| (open|closed) \|$/;

/** The table of routes, as people read it. */
export async function documentedRules(): Promise<DocumentedRule[]> {
  const text = await readFile(new URL('../../../../docs/authorization.md', import.meta.url), 'utf8');
  return text.split('\n').flatMap((line) => {
    const [, key, method, path, roles, scope, open] = ROW.exec(line) ?? [];
    if (key === undefined || method === undefined || path === undefined) return [];
    return [{ key, method, path, roles: rolesOf(roles ?? ''), scope: scopeOf(scope ?? ''), open: open === 'open' }];
  });
}

function rolesOf(text: string): readonly string[] | undefined {
  if (text === 'anyone') return undefined;
  return text === 'every role' ? GLOBAL_ROLES : text.split(', ');
}

function scopeOf(text: string): DocumentedRule['scope'] {
  if (text === '–') return { about: 'nothing' };
  if (text === 'none') return { about: 'installation' };
  const [, kind, parameter] = /^(\w+): `(\w+)`$/.exec(text) ?? [];
  if (kind !== undefined && parameter !== undefined) return { about: 'one', kind, parameter };
  return { about: 'list', kinds: text.split(', ') };
}
