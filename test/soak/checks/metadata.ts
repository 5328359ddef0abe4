import { IDEMPOTENCY_WINDOW_MINUTES } from '../../../store/idempotency.ts';
import { type Check, difference } from './check.ts';

/** Passwords of requests are removed at the next look after their time. */
const PRUNING_MINUTES = 2;

/** What each owner of a secret is, and whether it is there. */
const ORPHANED_SECRETS = `SELECT format('%s version %s', s.id, s.version) AS what FROM secrets s WHERE NOT CASE split_part(s.owner, '/', 1)
    WHEN 'database' THEN EXISTS (SELECT FROM databases d WHERE s.owner = 'database/' || d.id)
    WHEN 'server' THEN EXISTS (SELECT FROM servers x WHERE s.owner = 'server/' || x.name)
    WHEN 'rotation' THEN EXISTS (SELECT FROM rotations r WHERE s.owner = 'rotation/' || r.id AND r.deleted_at IS NULL)
    WHEN 'cluster' THEN EXISTS (SELECT FROM clusters c WHERE s.owner = 'cluster/' || c.id)
    WHEN 'task' THEN EXISTS (SELECT FROM tasks t WHERE s.owner = 'task/' || t.id
      AND t.completed_at > now() - make_interval(mins => $1))
    ELSE false END`;
const SUPERSEDED_SECRETS = `SELECT format('%s: versions %s', id, string_agg(version::text, ', ' ORDER BY version)) AS what FROM secrets
    WHERE owner NOT LIKE 'task/%' GROUP BY id HAVING count(*) > 1`;
const ORPHANED_PORTS = `SELECT format('%s %s of %s', p.host_id, p.port, p.database_id) AS what FROM ports p WHERE NOT EXISTS (
    SELECT FROM service_instances i WHERE i.host_id = p.host_id AND p.port IN (i.port, i.port + 1) AND i.database_id = p.database_id)`;
const ORPHANED_USERS = `SELECT format('%s of %s', role_name, database_id) AS what FROM shared_role_users u
    WHERE NOT EXISTS (SELECT FROM databases d WHERE d.id = u.database_id)`;
const UNWELL = `SELECT format('%s: %s %s', id, state, error) AS what FROM databases WHERE state <> 'available'
    UNION ALL SELECT format('%s: %s %s', id, state, error) FROM service_instances WHERE state <> 'running'`;
const UNDECIDED = `SELECT format('%s: version %s, changing %s, in doubt %s', name, secret_version, changing_task, in_doubt) AS what
    FROM cluster_roles WHERE deleted_at IS NULL AND (changing_task IS NOT NULL OR in_doubt OR state <> 'ready')`;

/** The metadata database has what the clients want, and nothing without an owner. */
export const checkMetadata: Check = async ({ installation, journal }) => {
  const { query } = installation.metadata;
  const all = async (what: string, sql: string, values: unknown[] = []) =>
    (await query<{ what: string }>(sql, values)).map((row) => `${what}: ${row.what}`);
  const databases = await query<{ id: string }>('SELECT id FROM databases');
  return [
    ...difference('database', { wanted: journal.databases, found: databases.map(({ id }) => id) }),
    ...(await all('a secret without its owner', ORPHANED_SECRETS, [IDEMPOTENCY_WINDOW_MINUTES + PRUNING_MINUTES])),
    ...(await all('a secret with former versions', SUPERSEDED_SECRETS)),
    ...(await all('a port without its service', ORPHANED_PORTS)),
    ...(await all('a user of a shared role that is gone', ORPHANED_USERS)),
    ...(await all('not well', UNWELL)),
    ...(await all('a cluster role whose password is not settled', UNDECIDED)),
  ];
};
