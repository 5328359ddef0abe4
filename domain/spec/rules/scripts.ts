import type { Rule } from '../context.ts';
import { statementProblem } from '../scripts.ts';

/** Each statement of `scripts` parses, and can run in the one transaction of its list. */
export const scriptsRule: Rule = function* ({ spec: { scripts = {} } }, { callerIsAdmin, parseSql }) {
  if (!callerIsAdmin && (scripts.post_init ?? []).length > 0) {
    yield { path: 'scripts.post_init', message: 'needs the admin role: it runs as the administrator of the server' };
  }
  for (const name of ['post_init', 'post_database_create'] as const) {
    for (const [i, statement] of (scripts[name] ?? []).entries()) {
      const problem = statementProblem(statement, parseSql);
      if (problem !== undefined) yield { path: `scripts.${name}[${i}]`, message: problem };
    }
  }
};
