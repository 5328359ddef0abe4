/** What a newcomer reads when everything is ready: where things are, and a first request. */
export function welcome(of: {
  apiUrl: string;
  uiUrl: string | undefined;
  hostId: string;
  logFile: string;
  seconds: string;
}): string {
  const spec = {
    id: 'storefront',
    spec: {
      database_name: 'storefront',
      nodes: [{ name: 'n1', host_ids: [of.hostId] }],
      database_users: [{ username: 'app', password: 'changeme', db_owner: true, attributes: ['LOGIN'] }],
      scripts: {
        post_database_create: [
          'CREATE TABLE products (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, price numeric)',
          "INSERT INTO products (name, price) VALUES ('Widget', 9.99)",
        ],
      },
      services: [
        {
          service_id: 'api',
          service_type: 'postgrest',
          version: 'latest',
          host_ids: [of.hostId],
          port: 3100,
          connect_as: 'app',
          config: {},
        },
      ],
    },
  };
  const body = JSON.stringify(spec, null, 2).replaceAll("'", "'\\''");
  return `
Ready after ${of.seconds} s.

  API          ${of.apiUrl}/v1/databases
  Temporal UI  ${of.uiUrl ?? 'at the server that TEMPORAL_ADDRESS names'}
  Log          ${of.logFile}

A first database with a REST API over it:

curl -X POST ${of.apiUrl}/v1/databases -H 'Content-Type: application/json' --data '${body}'

  and a second or two later:

curl http://127.0.0.1:3100/products

Ctrl-C stops everything; the next start brings it back.
`;
}
