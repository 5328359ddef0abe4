/** The request of the first published example, with names and port of the test's choice. */
export function seedRequest(options: {
  id?: string;
  port: number;
  user?: string;
  password?: string;
  databaseName?: string;
  config?: Record<string, unknown>;
  scripts?: { post_init?: string[]; post_database_create?: string[] };
}) {
  const user = options.user ?? 'app';
  const id = options.id ?? 'storefront';
  return {
    id,
    spec: {
      database_name: options.databaseName ?? id.replaceAll('-', '_'),
      nodes: [{ name: 'n1', host_ids: ['host-1'] }],
      database_users: [
        { username: user, password: options.password ?? 'changeme', db_owner: true, attributes: ['LOGIN'] },
      ],
      ...(options.scripts === undefined ? {} : { scripts: options.scripts }),
      services: [
        {
          service_id: 'api',
          service_type: 'postgrest',
          version: 'latest',
          host_ids: ['host-1'],
          port: options.port,
          connect_as: user,
          config: options.config ?? {},
        },
      ],
    },
  };
}
