import type { Rule } from './rule.ts';

/** Pairs of object and grantee that one document may name; a column counts as an object. A plan looks at each of them. */
const MAX_PAIRS = 1_000_000;

/** Two long lists make a product that no server should be asked to walk through. */
export const sizeRule: Rule = function* ({ databases }) {
  const entries = databases.flatMap(({ grants, revokes }) => [...grants, ...revokes]);
  const pairs = entries.map(({ on, columns = [], to }) => {
    const objects = on.names === 'all' ? 1 : Math.max(1, on.names.length);
    return objects * Math.max(1, columns.length) * to.length;
  });
  if (pairs.reduce((sum, count) => sum + count, 0) <= MAX_PAIRS) return;
  yield { path: 'databases', message: `must not name more than ${MAX_PAIRS} pairs of object and grantee` };
};
