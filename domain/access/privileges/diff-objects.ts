import { diffDefaults } from './diff-defaults.ts';
import { diffOwners } from './diff-owners.ts';
import { diffPrivileges } from './diff-privileges.ts';
import type { DiffContext, Findings } from './findings.ts';
import { simulatePrivileges } from './simulate.ts';

/** In the order in which their changes are to be made. */
export const PARTS = ['owners', 'privileges', 'defaults'] as const;

/** Differences in what databases contain, by what they are of. */
export type ObjectParts = Record<(typeof PARTS)[number], Findings>;

/** Privileges are compared as the new owners have them. Memberships count as they are in the observed state. */
export function diffParts({ document, observed }: DiffContext): ObjectParts {
  const owners = diffOwners({ document, observed });
  const owned = simulatePrivileges(observed, owners.changes);
  const privileges = diffPrivileges({ document, observed: owned });
  return { owners, privileges, defaults: diffDefaults({ document, observed }) };
}

/** {@link diffParts} together: owners first, then privileges, then default privileges. */
export function diffObjects(context: DiffContext): Findings {
  const parts = diffParts(context);
  const all = PARTS.map((name) => parts[name]);
  return {
    changes: all.flatMap(({ changes }) => changes),
    problems: all.flatMap(({ problems }) => problems),
    notes: all.flatMap(({ notes }) => notes),
  };
}
