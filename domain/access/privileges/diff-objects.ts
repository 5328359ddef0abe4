import { diffDefaults } from './diff-defaults.ts';
import { diffOwners } from './diff-owners.ts';
import { diffPrivileges } from './diff-privileges.ts';
import type { DiffContext, Findings } from './findings.ts';
import { simulatePrivileges } from './simulate.ts';

/**
 * Differences in what databases contain: owners first, then privileges as the new owners have them, then default privileges.
 * Changes are in the order in which they are to be made. Memberships count as they are in the observed state.
 */
export function diffObjects({ document, observed }: DiffContext): Findings {
  const owners = diffOwners({ document, observed });
  const owned = simulatePrivileges(observed, owners.changes);
  const parts = [owners, diffPrivileges({ document, observed: owned }), diffDefaults({ document, observed })];
  return {
    changes: parts.flatMap(({ changes }) => changes),
    problems: parts.flatMap(({ problems }) => problems),
    notes: parts.flatMap(({ notes }) => notes),
  };
}
