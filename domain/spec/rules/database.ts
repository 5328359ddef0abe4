import { IDENTIFIER_RULE, isIdentifier } from '../../identifiers.ts';
import type { Rule } from '../context.ts';
import { databaseNameProblem } from '../names.ts';
import { quoted } from '../problems.ts';

/** Identifiers of the request, name of the database, extensions. */
export const databaseRule: Rule = function* ({ id, tenant_id, spec }, { allowedExtensions }) {
  if (id !== undefined && !isIdentifier(id)) yield { path: 'id', message: IDENTIFIER_RULE };
  if (tenant_id !== undefined && !isIdentifier(tenant_id)) yield { path: 'tenant_id', message: IDENTIFIER_RULE };

  const nameProblem = databaseNameProblem(spec.database_name);
  if (nameProblem !== undefined) yield { path: 'database_name', message: nameProblem };

  for (const [i, extension] of (spec.extensions ?? []).entries()) {
    const path = `extensions[${i}]`;
    if (!allowedExtensions.has(extension)) {
      yield { path, message: `extension ${quoted(extension)} is not on the allow-list` };
    }
    if (spec.extensions?.indexOf(extension) !== i) {
      yield { path, message: 'extensions must be unique within a database' };
    }
  }
};
