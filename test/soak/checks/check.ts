import type { Client } from '../client.ts';
import type { Installation } from '../installation.ts';
import type { Journal } from '../journal.ts';
import type { Baseline } from '../setup.ts';
import type { AppliedDocument } from '../traffic/documents.ts';
import type { Rotated } from '../traffic/rotations.ts';

/** What checks look at, when everything is at rest. */
export interface Checked {
  installation: Installation;
  journal: Journal;
  client: Client;
  baseline: Baseline;
  applied: AppliedDocument;
  rotated: readonly Rotated[];
  minutes: number;
}

/** Says what must not be, each thing as a line. */
export type Check = (of: Checked) => Promise<string[]>;

/** What is in one list and not in the other, as complaints. */
export function difference(what: string, lists: { wanted: Iterable<string>; found: Iterable<string> }): string[] {
  const [wanted, found] = [new Set(lists.wanted), new Set(lists.found)];
  return [
    ...[...wanted].filter((one) => !found.has(one)).map((one) => `${what} is missing: ${one}`),
    ...[...found].filter((one) => !wanted.has(one)).map((one) => `${what} was left behind: ${one}`),
  ];
}
