import { quoted } from '../../../spec/problems.ts';
import type { Rule } from './rule.ts';

/** A role and a database are described in one place. */
export const duplicatesRule: Rule = function* ({ roles, databases }) {
  yield* duplicates('role', roles);
  yield* duplicates('database', databases);
};

function* duplicates(what: string, entries: readonly { name: string; at: string }[]) {
  const seen = new Map<string, string>();
  for (const { name, at } of entries) {
    const first = seen.get(name);
    if (first === undefined) seen.set(name, at);
    // A name that is wrong has a problem already.
    else if (name !== '')
      yield { path: `${at}.name`, message: `${what} ${quoted(name)} is described in ${first} already` };
  }
}
