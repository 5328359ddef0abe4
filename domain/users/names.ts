import { roleNameProblem } from '../access/document/names.ts';
import { POISON_ROLES } from '../spec/names.ts';
import { quoted } from '../spec/problems.ts';

/** Letters and digits of any script, and what host names and mail addresses have; nothing that SQL gives a meaning to. */
const NEW_NAME = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_.$@+-]*$/u;

/**
 * Why a user of this name is not created, or undefined. Upper case and other scripts are kept as they are; names that would need
 * care wherever else they are written (spaces, quotes, semicolons) are not made, and keywords of pg_hba.conf neither.
 */
export function newUsernameProblem(name: string): string | undefined {
  const problem = roleNameProblem(name, { legacy: true });
  if (problem !== undefined) return problem;
  if (!NEW_NAME.test(name)) {
    return 'must start with a letter, a digit or an underscore, followed by those and ".", "-", "$", "@", "+" only';
  }
  return POISON_ROLES.has(name.toLowerCase()) ? `${quoted(name)} is a keyword of pg_hba.conf or SQL` : undefined;
}
