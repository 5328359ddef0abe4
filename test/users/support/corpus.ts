const place = { env: 'dev', database: 'myapp_dev' };

/** What the published endpoints need, by path. */
export const PARAMETERS: Readonly<Record<string, Record<string, string>>> = {
  '/users/app': { ...place, servername: 'never', port: '1' },
  '/users/app-k8s': { ...place, env_prefix: 'never', farmname: 'made' },
  '/users/devqa': { ...place, username: 'never' },
  '/users/devlead': { ...place, username: 'never' },
  '/users/readonly': { ...place, username: 'never' },
  '/users/dba': { ...place, username: 'never' },
  '/users/reset': { ...place, username: 'never' },
  '/users/search-path': { ...place, username: 'never' },
  '/users/find': { ...place, username: 'never' },
  '/users/all': place,
};

/** What they take besides. */
export const OPTIONAL: Readonly<Record<string, Record<string, string>>> = {
  '/users/app': { connection_limit: 'x', valid_until: 'x', handover: 'x', handover_hours: 'x' },
  '/users/reset': { override: 'x', handover: 'x', handover_hours: 'x' },
  '/users/search-path': { schema: 'public', override: 'x' },
};

/** Members of what is not published and goes by POST. */
export const POSTED: Readonly<Record<string, Record<string, string>>> = {
  '/users/disable': { ...place, username: 'never' },
  '/users/enable': { ...place, username: 'never' },
  '/users/drop': { ...place, username: 'never' },
  '/users/bulk': { kind: 'devqa', ...place, username: 'never' },
  '/grants': { ...place, schema: 'nowhere', objects: 'tables', privileges: 'SELECT', to: 'never' },
  '/revokes': { ...place, schema: 'nowhere', objects: 'tables', privileges: 'SELECT', from: 'never' },
  '/grants/refresh': { env: 'dev', database: 'nowhere' },
};
