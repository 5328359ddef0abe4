/** One thing wrong with a request. */
export interface Problem {
  /** Member at fault, such as `services[1].host_ids[0]`; empty where the contract names no member. */
  path: string;
  /** Reason, for a person. Never holds the value of a secret. */
  message: string;
}

/** Most lines of one answer: a body of many thousand mistakes must not be answered with as many lines. */
const MAX_LINES = 50;
/** Most entries of one list within a message. */
const MAX_LISTED = 20;
/** Longest piece of a submitted value that is repeated in a message. */
const MAX_QUOTED_LENGTH = 80;

/** The contract's form: one line `path: reason` for each problem. */
export function formatProblems(problems: readonly Problem[]): string {
  const lines = problems
    .slice(0, MAX_LINES)
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  if (problems.length > MAX_LINES) lines.push(`and ${problems.length - MAX_LINES} more`);
  return lines.join('\n');
}

/** A submitted name in double quotes, escaped and cut to a readable length. Not for secrets. */
export function quoted(value: string): string {
  return JSON.stringify(value.length > MAX_QUOTED_LENGTH ? `${value.slice(0, MAX_QUOTED_LENGTH)}…` : value);
}

/** Entries separated by commas, the first ones of a long list only. */
export function listed(entries: readonly string[]): string {
  const shown = entries.slice(0, MAX_LISTED).join(', ');
  return entries.length > MAX_LISTED ? `${shown} and ${entries.length - MAX_LISTED} more` : shown;
}
