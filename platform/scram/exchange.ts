import { createHmac } from 'node:crypto';
import type { ScramKeyMaker } from './client-keys.ts';

/** The client's answer to the server's first message of SCRAM-SHA-256, and what the server has to say to it. */
export interface ScramAnswer {
  /** `client-final-message` */
  response: string;
  /** In base64; only who knows the verifier can make it. */
  serverSignature: string;
}

/** The first two messages of an exchange. */
export interface ScramChallenge {
  /** `client-first-message`, of a client that binds nothing to its channel: `n,,n=*,r=…` or `y,,n=*,r=…` */
  clientFirst: string;
  /** `server-first-message`: `r=…,s=…,i=…` */
  serverFirst: string;
  password: string;
  maxIterations: number;
  keysOf: ScramKeyMaker;
}

const CLIENT_FIRST = /^([ny],,)(n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+))$/;
/** RFC 5802, section 7; PostgreSQL sends no extensions. */
const SERVER_FIRST = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9][0-9]{0,9})$/;

/** @throws Error for a message that no honest server sends */
export async function answerScramChallenge(challenge: ScramChallenge): Promise<ScramAnswer> {
  const { clientFirst, serverFirst, password, maxIterations, keysOf } = challenge;
  const [, header = '', bare, clientNonce] = CLIENT_FIRST.exec(clientFirst) ?? [];
  const [, nonce, salt, iterationsText] = SERVER_FIRST.exec(serverFirst) ?? [];
  const iterations = Number(iterationsText);
  if (bare === undefined || clientNonce === undefined) throw new Error('SCRAM: the client began in an unexpected way');
  if (nonce === undefined || salt === undefined) throw new Error('SCRAM: the first message of the server is malformed');
  if (!nonce.startsWith(clientNonce) || nonce.length === clientNonce.length) {
    throw new Error('SCRAM: the nonce of the server is not made from ours');
  }
  if (iterations > maxIterations) {
    throw new Error(`SCRAM: the server asks for ${iterations} iterations, and ${maxIterations} are the most`);
  }
  const keys = await keysOf({ password, salt: Buffer.from(salt, 'base64'), iterations });
  const withoutProof = `c=${Buffer.from(header).toString('base64')},r=${nonce}`;
  const messages = `${bare},${serverFirst},${withoutProof}`;
  const signature = createHmac('sha256', keys.storedKey).update(messages).digest();
  const proof = keys.clientKey.map((byte, index) => byte ^ (signature[index] ?? 0));
  return {
    response: `${withoutProof},p=${Buffer.from(proof).toString('base64')}`,
    serverSignature: createHmac('sha256', keys.serverKey).update(messages).digest('base64'),
  };
}
