import type { Rule } from '../context.ts';
import { quoted } from '../problems.ts';
import { parseRoleAttribute } from '../role-attributes.ts';
import type { DatabaseUserSpec } from '../types.ts';

/** The user that a service logs in as: it must be one of the request's, be able to log in, and be no superuser (R1). */
export const connectAsRule: Rule = function* (
  { spec: { database_users: users = [], services = [] } },
  { usersWithPassword },
) {
  for (const [i, { connect_as: name }] of services.entries()) {
    const path = `services[${i}].connect_as`;
    const user = users.find(({ username }) => username === name);
    if (name === '') {
      yield { path, message: 'connect_as is required' };
    } else if (user === undefined) {
      yield { path, message: `connect_as ${quoted(name)} does not match any database_users entry` };
    } else {
      if (!has(user, 'LOGIN')) {
        yield { path, message: `user ${quoted(name)} cannot log in: add LOGIN to its attributes` };
      }
      if (has(user, 'SUPERUSER')) {
        yield { path, message: `user ${quoted(name)} is a superuser: a service must not log in as one` };
      }
      if (user.password === undefined && !usersWithPassword.has(name)) {
        yield { path, message: `user ${quoted(name)} has no password: the service could not log in` };
      }
    }
  }
};

function has({ attributes = [] }: DatabaseUserSpec, wanted: string): boolean {
  return attributes.some((text) => parseRoleAttribute(text) === wanted);
}
