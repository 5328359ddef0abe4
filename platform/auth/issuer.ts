import { createRemoteJWKSet, decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';

/** Whose JWTs are accepted. */
export interface IssuerSettings {
  /** As in the claim `iss`; the keys are found through `<issuer>/.well-known/openid-configuration`. */
  readonly issuer: string;
  /** Has to be in the claim `aud`. */
  readonly audience: string;
}

/** What came of a JWT: its claims, or what is wrong with it. */
export type VerifiedJwt =
  | { ok: true; subject: string; claims: JWTPayload }
  | { ok: false; reason: string }
  /** Nobody can tell now: the issuer does not answer. */
  | { ok: false; unavailable: true; reason: string };

export interface Issuer {
  verify(jwt: string): Promise<VerifiedJwt>;
}

/** No shared secrets, which whoever verifies could sign with, and no `none`. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
/** Between clocks. */
const TOLERANCE_SECONDS = 5;
const FETCH_TIMEOUT_MS = 5_000;
/** An issuer that did not answer is not asked again by each request. */
const RETRY_AFTER_MS = 5_000;

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.url() });

/** Verifies JWTs of one issuer, whose keys are fetched when they are needed and again when an unknown one is used. */
export function createIssuer(settings: IssuerSettings): Issuer {
  const { issuer, audience } = settings;
  let keys: Promise<JWTVerifyGetKey> | undefined;

  function keySet(): Promise<JWTVerifyGetKey> {
    if (keys !== undefined) return keys;
    const asked = discoverKeys(issuer);
    const again = () => {
      keys = undefined;
    };
    asked.catch(() => setTimeout(again, RETRY_AFTER_MS).unref());
    keys = asked;
    return asked;
  }

  return {
    async verify(jwt) {
      // Before anything is fetched for it.
      if (claimedIssuer(jwt) !== issuer) return { ok: false, reason: 'the JWT is not of the configured issuer' };
      const found = await keySet().catch(() => undefined);
      if (found === undefined) return issuerSilent(issuer);
      try {
        const { payload } = await jwtVerify(jwt, found, {
          issuer,
          audience,
          algorithms: ALGORITHMS,
          clockTolerance: TOLERANCE_SECONDS,
          requiredClaims: ['sub', 'exp'],
        });
        const { sub } = payload;
        if (sub === undefined || sub === '') return { ok: false, reason: 'the JWT names nobody in "sub"' };
        return { ok: true, subject: sub, claims: payload };
      } catch (error) {
        return refusalOf(error, issuer);
      }
    },
  };
}

function claimedIssuer(jwt: string): string | undefined {
  try {
    return decodeJwt(jwt).iss;
  } catch {
    return undefined;
  }
}

async function discoverKeys(issuer: string): Promise<JWTVerifyGetKey> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  const found = discoverySchema.parse(await response.json());
  if (found.issuer !== issuer) throw new Error(`${url} is of another issuer`);
  const jwks = new URL(found.jwks_uri);
  if (jwks.protocol !== 'https:' && !issuer.startsWith('http:')) throw new Error(`${url} names keys without https`);
  return createRemoteJWKSet(jwks, { timeoutDuration: FETCH_TIMEOUT_MS });
}

/** What a caller may be told; never a part of the JWT. */
function refusalOf(error: unknown, issuer: string): VerifiedJwt {
  if (error instanceof errors.JWTExpired) return { ok: false, reason: 'the JWT has expired' };
  if (error instanceof errors.JWTClaimValidationFailed) {
    return { ok: false, reason: `the claim "${error.claim}" of the JWT is not as it has to be` };
  }
  if (error instanceof errors.JWKSTimeout) return issuerSilent(issuer);
  const isOfTheJwt =
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWTInvalid;
  // The rest is what fetching the keys can throw.
  return isOfTheJwt ? { ok: false, reason: 'the JWT is not signed with a key of the issuer' } : issuerSilent(issuer);
}

function issuerSilent(issuer: string): VerifiedJwt {
  return { ok: false, unavailable: true, reason: `the issuer ${issuer} does not answer; try again` };
}
