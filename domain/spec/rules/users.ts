import type { Rule, SpecContext } from '../context.ts';
import { grantedRoleProblem, usernameProblem } from '../names.ts';
import type { Problem } from '../problems.ts';
import { needsAdmin, oppositeAttribute, parseRoleAttribute, type RoleAttribute } from '../role-attributes.ts';
import { passwordProblem } from '../text.ts';
import type { DatabaseUserSpec } from '../types.ts';

/** Names, passwords, attributes and granted roles of the database's users (R1). */
export const usersRule: Rule = function* ({ spec: { database_users: users = [] } }, context) {
  const names = new Set<string>();
  let owners = 0;
  for (const [i, user] of users.entries()) {
    const path = `database_users[${i}]`;
    if (names.has(user.username)) yield { path, message: 'usernames must be unique within a database' };
    names.add(user.username);
    if (user.db_owner) owners += 1;
    if (user.db_owner && owners > 1) yield { path, message: 'only one user can be db_owner' };
    yield* userProblems(path, user, context);
    yield* attributeProblems(path, user.attributes ?? [], context);
  }
};

function* userProblems(path: string, user: DatabaseUserSpec, context: SpecContext): Iterable<Problem> {
  const nameProblem = usernameProblem(user.username, context);
  if (nameProblem !== undefined) yield { path: `${path}.username`, message: nameProblem };

  const secretProblem = user.password === undefined ? undefined : passwordProblem(user.password);
  if (secretProblem !== undefined) yield { path: `${path}.password`, message: secretProblem };

  if (user.adopt && !context.callerIsAdmin && !context.allowListedRoles.has(user.username)) {
    yield { path: `${path}.adopt`, message: 'taking over an existing role needs the admin role' };
  }
  for (const [j, role] of (user.roles ?? []).entries()) {
    const roleProblem = grantedRoleProblem(role, context);
    if (roleProblem !== undefined) yield { path: `${path}.roles[${j}]`, message: roleProblem };
  }
}

function* attributeProblems(path: string, texts: string[], { callerIsAdmin }: SpecContext): Iterable<Problem> {
  const seen = new Set<RoleAttribute>();
  for (const [j, text] of texts.entries()) {
    const at = `${path}.attributes[${j}]`;
    const attribute = parseRoleAttribute(text);
    if (attribute === undefined) {
      yield {
        path: at,
        message:
          'unknown attribute: use SUPERUSER, CREATEDB, CREATEROLE, INHERIT, LOGIN, REPLICATION, BYPASSRLS or their NO- forms',
      };
      continue;
    }
    const opposite = oppositeAttribute(attribute);
    if (opposite !== undefined && seen.has(opposite)) {
      yield { path: at, message: `${attribute} contradicts ${opposite}` };
    }
    if (needsAdmin(attribute) && !callerIsAdmin) yield { path: at, message: `${attribute} needs the admin role` };
    seen.add(attribute);
  }
}
