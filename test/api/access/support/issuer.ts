import { once } from 'node:events';
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

/** An issuer of JWTs on this machine, as identity providers are. */
export interface LocalIssuer {
  url: string;
  /** A JWT as it would give one, with changes; claims that are undefined are left out. */
  sign(claims: JWTPayload, options?: { foreignKey?: boolean; expires?: string | null }): Promise<string>;
  /** Its public key, in the form that its clients get. */
  publicJwk: Record<string, unknown>;
  stop(): Promise<void>;
}

export const AUDIENCE = 'pgsteward';

export async function startIssuer(): Promise<LocalIssuer> {
  const [own, foreign] = await Promise.all([generateKeyPair('ES256'), generateKeyPair('ES256')]);
  const publicJwk = { ...(await exportJWK(own.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
  const server = createServer((request, response) => {
    const answers: Record<string, unknown> = {
      '/realm/.well-known/openid-configuration': { issuer: url, jwks_uri: `${url}/keys` },
      '/realm/keys': { keys: [publicJwk] },
    };
    const answer = answers[request.url ?? ''];
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? {}));
  }).listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const bound = server.address();
  const url = `http://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}/realm`;
  return {
    url,
    publicJwk,
    sign(claims, { foreignKey = false, expires = '5m' } = {}) {
      const jwt = new SignJWT({ iss: url, aud: AUDIENCE, sub: 'alice', ...claims }).setProtectedHeader({
        alg: 'ES256',
        kid: 'one',
      });
      if (expires !== null) jwt.setExpirationTime(expires);
      return jwt.sign((foreignKey ? foreign : own).privateKey);
    },
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
