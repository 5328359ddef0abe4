import type { Rule } from '../context.ts';
import { grantedRoleProblem } from '../names.ts';
import { postgrestConfigProblems, stringIn } from '../postgrest-config.ts';
import { textProblem } from '../text.ts';

/** Keys and values of `config`, and whether the anonymous role may be used at all (R1). */
export const serviceConfigRule: Rule = function* ({ spec: { services = [] } }, context) {
  for (const [i, { service_type: type, config = {} }] of services.entries()) {
    if (type !== 'postgrest') continue;
    const path = `services[${i}].config`;
    for (const message of postgrestConfigProblems(config)) yield { path, message };

    const role = stringIn(config, 'db_anon_role');
    // An empty or malformed name has been reported above.
    if (role === undefined || role === '' || textProblem(role) !== undefined) continue;
    const problem = grantedRoleProblem(role, context);
    if (problem !== undefined) yield { path, message: `db_anon_role: ${problem}` };
  }
};
