import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderPostgrestConf } from '../../../domain/postgrest/conf.ts';
import { confString } from '../../../domain/postgrest/conf-string.ts';
import { renderServiceFiles } from '../../../domain/postgrest/service-files.ts';
import { EXAMPLE_BUNDLE } from './example-bundle.ts';

const VIEW = { directory: '/app/data', address: '127.0.0.1', port: 3100 };

describe('renderPostgrestConf', () => {
  test('the smallest service', () => {
    expect(renderPostgrestConf(EXAMPLE_BUNDLE, VIEW)).toBe(
      `db-uri = "postgresql://127.0.0.1:5432/storefront?service=pgsteward&target_session_attrs=read-write&connect_timeout=2&keepalives=1&keepalives_idle=10&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=15000&application_name=pgsteward%3Astorefront-api-host-1&sslmode=disable&passfile=%2Fapp%2Fdata%2Fpgpass"
db-schemas = "api"
db-anon-role = "web_anon"
db-pool = 10
db-max-rows = 1000
db-channel = "pgst_storefront_api"
server-cors-allowed-origins = "https://cors.disabled.invalid"
server-host = "127.0.0.1"
server-port = 3100
log-level = "error"
`,
    );
  });

  test('every setting, several servers and TLS', () => {
    const conf = renderPostgrestConf(
      {
        ...EXAMPLE_BUNDLE,
        settings: {
          ...EXAMPLE_BUNDLE.settings,
          schemas: ['api', 'Reports of "2026"'],
          jwtAudience: 'shop',
          jwtRoleClaimKey: '$.role',
          corsAllowedOrigins: 'https://a.example, https://b.example',
          preRequest: 'pgsteward.check_audience',
        },
        connection: {
          ...EXAMPLE_BUNDLE.connection,
          user: 'bö:b@',
          database: 'a/b?c',
          servers: [
            { address: 'db-1.example', port: 5432 },
            { address: '2001:db8::1', port: 6432 },
          ],
          sslMode: 'verify-full',
          caCertificate: 'PEM',
        },
        secrets: { password: 'x', jwtSecret: '@not-a-file' },
      },
      VIEW,
    );
    expect(conf).toContain('postgresql://db-1.example:5432,[2001:db8::1]:6432/a%2Fb%3Fc?');
    expect(conf).toContain('sslmode=verify-full&sslrootcert=%2Fapp%2Fdata%2Fca.pem&');
    expect(conf).toContain('db-schemas = "api, Reports of \\"2026\\""\n');
    expect(conf).toContain('db-pre-request = "pgsteward.check_audience"\n');
    expect(conf).toContain('jwt-secret = "@/app/data/jwt_secret"\n');
    expect(conf).toContain('jwt-aud = "shop"\n');
    expect(conf).toContain('jwt-role-claim-key = ".role"\n');
    expect(conf).toContain('server-cors-allowed-origins = "https://a.example, https://b.example"\n');
  });

  test('loopback servers are reached by the alias from a container with its own network, others as they are', () => {
    const servers = ['127.0.0.1', 'localhost', '::1', '10.0.0.7'].map((address) => ({ address, port: 5432 }));
    const connection = { ...EXAMPLE_BUNDLE.connection, servers };
    const conf = renderPostgrestConf({ ...EXAMPLE_BUNDLE, connection }, { ...VIEW, loopbackAlias: 'host.alias' });
    expect(conf).toContain('//host.alias:5432,host.alias:5432,host.alias:5432,10.0.0.7:5432/');
  });

  test.each(['a,b', ' api', ''])('schema name "%s", which the list cannot hold, is refused', (schema) => {
    const settings = { ...EXAMPLE_BUNDLE.settings, schemas: [schema] };
    expect(() => renderPostgrestConf({ ...EXAMPLE_BUNDLE, settings }, VIEW)).toThrow('db-schemas');
  });

  test('no file but its own holds a secret', () => {
    const secrets = { password: 'the-password', jwtSecret: 'the-jwt-secret' };
    const files = renderServiceFiles({ ...EXAMPLE_BUNDLE, secrets }, VIEW);
    const holders = (secret: string) => [...files].filter(([, text]) => text.includes(secret)).map(([name]) => name);
    expect(holders('the-password')).toEqual(['pgpass']);
    expect(holders('the-jwt-secret')).toEqual(['jwt_secret']);
  });
});

describe('confString', () => {
  test('any text comes back as PostgREST reads it, and the file stays ASCII', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary-ascii' }), fc.string({ unit: 'grapheme' })).map(withoutNul),
        (text) => {
          const written = confString(text);
          expect(written).toMatch(/^[\x20-\x7e]*$/);
          expect(readAsPostgrest(written)).toBe(text);
        },
      ),
    );
  });

  test('an interpolation stays text', () => {
    expect(confString('$(HOME) $X $$ $')).toBe('"$$(HOME) $$X $$$$ $$"');
  });
});

/** The grammar of PostgREST's configuration reader: string escapes first, then `$$`; a lone `$` would interpolate. */
function readAsPostgrest(written: string): string {
  const inner = /^"((?:[^"\\]|\\.)*)"$/s.exec(written)?.[1];
  if (inner === undefined) throw new Error(`not one quoted string: ${written}`);
  const unescaped: unknown = JSON.parse(`"${inner}"`);
  const text = String(unescaped);
  if (/\$/.test(text.replaceAll('$$', ''))) throw new Error(`interpolation in ${written}`);
  return text.replaceAll('$$', '$');
}

function withoutNul(text: string): string {
  return text.replaceAll('\0', '');
}
