/** A metric that an expression names, and the labels that it needs of it. */
export interface NamedMetric {
  name: string;
  labels: string[];
}

/** Labels that Prometheus adds itself. */
const ADDED = new Set(['instance', 'job', 'le']);
const WORDS = new Set(['by', 'without', 'on', 'ignoring', 'and', 'or', 'unless', 'for', 'offset', 'bool']);

/**
 * The metrics of an expression, read crudely: every word that is neither a function nor a word of the language. Labels are those of
 * its selector, and those that the expression groups by.
 */
export function metricsIn(expression: string): NamedMetric[] {
  const grouped = [...expression.matchAll(/\b(?:by|without|on)\s*\(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(',').map((label) => label.trim()),
  );
  const bare = expression.replaceAll(/\b(?:by|without|on|ignoring)\s*\([^)]*\)/g, ' ').replaceAll(/\[[^\]]*\]/g, ' ');
  return [...bare.matchAll(/([a-zA-Z_:][\w:]*)\s*(\{[^}]*\}|\()?/g)].flatMap(([, name = '', after = '']) => {
    if (after === '(' || WORDS.has(name)) return [];
    const selected = [...after.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label);
    return [{ name, labels: [...selected, ...grouped].filter((label) => label !== '' && !ADDED.has(label)) }];
  });
}
