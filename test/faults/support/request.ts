/**
 * A request that goes through every step: scripts of both kinds, two users, a service on a port of the control plane's
 * choice. The `post_init` script counts its runs in a table of the maintenance database.
 */
export function everyStepRequest(id: string, options: { schemas?: string; role?: string } = {}) {
  const { owner, reader, scripted } = rolesOf(id);
  return {
    id,
    spec: {
      database_name: databaseNameOf(id),
      nodes: [{ name: 'n1', host_ids: ['host-1'] }],
      database_users: [
        { username: options.role ?? owner, password: 'changeme', db_owner: true, attributes: ['LOGIN'] },
        { username: reader, password: 'changeme', attributes: ['LOGIN'] },
      ],
      scripts: {
        post_init: [`CREATE ROLE ${scripted} NOLOGIN`, `INSERT INTO public.post_init_runs VALUES ('${id}')`],
        post_database_create: ['CREATE TABLE public.items (id int)', 'INSERT INTO public.items VALUES (1)'],
      },
      services: [
        {
          service_id: 'api',
          service_type: 'postgrest',
          version: 'latest',
          host_ids: ['host-1'],
          port: 0,
          connect_as: options.role ?? owner,
          config: { db_pool: 1, ...(options.schemas === undefined ? {} : { db_schemas: options.schemas }) },
        },
      ],
    },
  };
}

/** Table that the `post_init` scripts of {@link everyStepRequest} write to. */
export const POST_INIT_RUNS_SQL = 'CREATE TABLE public.post_init_runs (database_id text NOT NULL)';

export const databaseNameOf = (id: string): string => id.replaceAll('-', '_');

/** Every role that {@link everyStepRequest} leads to, by what it is. */
export function rolesOf(id: string): { owner: string; reader: string; scripted: string } {
  const name = databaseNameOf(id);
  return { owner: `${name}_owner`, reader: `${name}_reader`, scripted: `${name}_scripted` };
}
