import { inventory } from '../setup.ts';
import { GROUPS } from '../traffic/documents.ts';
import { type Check, difference } from './check.ts';

/** Groups that flavors of cluster roles are. */
const FLAVOR_GROUPS = ['pgsteward_read', 'pgsteward_write'];

/** Roles and databases of the server are those that metadata has, and those that were there before. */
export const checkTargetServer: Check = async ({ installation, journal, baseline }) => {
  const { metadata } = installation;
  const found = await inventory(installation);
  const names = async (sql: string) => (await metadata.query<{ name: string }>(sql)).map(({ name }) => name);
  const databases = await names('SELECT database_name AS name FROM database_servers');
  const recorded = await names('SELECT role_name AS name FROM credentials');
  const roles = new Set([
    ...baseline.roles,
    ...recorded,
    ...(await names('SELECT role_name AS name FROM user_groups')),
    ...(await names('SELECT DISTINCT role_name AS name FROM shared_role_users')),
    ...(await names('SELECT name FROM cluster_roles WHERE deleted_at IS NULL')),
    ...GROUPS,
  ]);
  const unwanted = found.roles
    .filter((role) => /^soak_(\d|user_)/.test(role) && !journal.logins.has(role))
    .map((role) => `a role of what was deleted is still there: ${role}`);
  return [
    ...difference('database of the server', {
      wanted: [...baseline.databases, ...databases],
      found: found.databases,
    }),
    ...difference('role of the server', {
      wanted: roles,
      found: found.roles.filter((role) => !FLAVOR_GROUPS.includes(role)),
    }),
    ...unwanted,
  ];
};
