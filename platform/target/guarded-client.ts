import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { Failure } from '../../domain/failures.ts';
import { type ScramKeyMaker, scramClientKeys } from '../scram/client-keys.ts';
import { answerScramChallenge } from '../scram/exchange.ts';

/** How a server wanted to know who we are; `none` when it did not ask (trust, peer, a certificate). */
type AuthenticationMethod = 'none' | 'scram' | 'cleartext' | 'md5';

/** What has happened so far of the authentication of a connection. */
export interface Authentication {
  asked: AuthenticationMethod;
  /** The server has let us in, whatever comes after that: a limit, a missing CONNECT. */
  accepted: boolean;
  /** Accepted by SCRAM, and the server has proven that it knows the verifier. */
  byScram: boolean;
}

/** What node-postgres keeps of a connection beside its documented interface. */
interface Internals {
  connection: EventEmitter & {
    stream: Duplex;
    attachListeners(stream: Duplex): void;
    sendSCRAMClientFinalMessage(text: string): void;
    ref(): void;
    unref(): void;
  };
  saslSession?: SaslSession | null;
  _activeQuery: object | null;
  _sentQueryQueue: readonly object[];
  _handleAuthSASLContinue(message: { data: string }): Promise<void>;
  processID: number | null;
}

/** An exchange that is under way, as the driver's `finalizeSession` wants it. */
interface SaslSession {
  mechanism: string;
  /** What was sent last. */
  response: string;
  message: string;
  serverSignature?: string;
}

const METHODS = {
  authenticationSASL: 'scram',
  authenticationCleartextPassword: 'cleartext',
  authenticationMD5Password: 'md5',
} as const satisfies Record<string, AuthenticationMethod>;

/** Above every sensible `scram_iterations` and about a second of work; the driver's own bound is 100,000. */
const MAX_SCRAM_ITERATIONS = 2_000_000;

/** A client that has not connected yet. */
export interface GuardedClient {
  client: pg.Client;
  readonly authentication: Authentication;
  /** @throws Failure InsecureLogin for a server that does not authenticate by SCRAM, where SCRAM is demanded */
  connect(): Promise<void>;
  /** Whether the server owes an answer. */
  isBusy(): boolean;
  /** Ends the connection without a word: the server notices when it next reads or writes. */
  destroy(): void;
  /** Whether the connection keeps the process from ending. */
  countForProcess(counts: boolean): void;
}

/**
 * A client of node-postgres that answers SCRAM only, unless told otherwise (R4): whoever stands between us and the server, or in
 * its place, would learn the password from any other answer. As with libpq's `require_auth=scram-sha-256` a server that lets us
 * in without any authentication is refused as well: it has not proven that it knows the verifier.
 *
 * Queries that are made without a wait for the one before are sent at once, and answered in their order.
 * @param options.keysOf makes the keys of SCRAM, or remembers them; not asked where the channel is bound
 */
export function createGuardedClient(
  config: pg.ClientConfig & { password: string },
  options: { scramOnly: boolean; keysOf?: ScramKeyMaker | undefined },
): GuardedClient {
  const { password, ...rest } = config;
  const authentication: Authentication = { asked: 'none', accepted: false, byScram: false };
  const client = new pg.Client({
    ...rest,
    ...{ scramMaxIterations: MAX_SCRAM_ITERATIONS, pipeline: true },
    // Asked for by the driver for each method alike, before anything is sent.
    password() {
      if (options.scramOnly && authentication.asked !== 'scram') throw insecure(authentication.asked);
      return password;
    },
  });
  // One that breaks between two statements has none to fail: the next one does. An event that nobody hears ends the process.
  client.on('error', () => undefined);
  const internals = client as unknown as Internals;
  const { connection } = internals;
  for (const [event, method] of Object.entries(METHODS)) {
    connection.on(event, () => {
      authentication.asked = method;
    });
  }
  connection.on('authenticationOk', () => {
    authentication.accepted = true;
    // The driver forgets the exchange once it has checked the server's signature.
    authentication.byScram = authentication.asked === 'scram' && internals.saslSession === null;
  });
  catchProtocolErrors(connection);
  answerScram(internals, password, options.keysOf ?? scramClientKeys);
  return {
    client,
    authentication,
    async connect() {
      await client.connect();
      if (options.scramOnly && !authentication.byScram) throw insecure(authentication.asked);
    },
    isBusy: () => internals._activeQuery !== null || internals._sentQueryQueue.length > 0,
    destroy: () => void connection.stream.destroy(),
    countForProcess: (counts) => (counts ? connection.ref() : connection.unref()),
  };
}

/**
 * Answers the server's challenge in the driver's place, which makes the keys anew for each connection and prepares passwords
 * otherwise than PostgreSQL. What binds the exchange to its channel is left to the driver.
 */
function answerScram(internals: Internals, password: string, keysOf: ScramKeyMaker): void {
  const { connection } = internals;
  const byDriver = internals._handleAuthSASLContinue.bind(internals);
  internals._handleAuthSASLContinue = async (message) => {
    const session = internals.saslSession;
    if (session?.mechanism !== 'SCRAM-SHA-256' || session.message !== 'SASLInitialResponse') return byDriver(message);
    try {
      const challenge = { clientFirst: session.response, serverFirst: message.data, password, keysOf };
      const answer = await answerScramChallenge({ ...challenge, maxIterations: MAX_SCRAM_ITERATIONS });
      Object.assign(session, { message: 'SASLResponse', ...answer });
      connection.sendSCRAMClientFinalMessage(answer.response);
    } catch (error) {
      connection.emit('error', error);
    }
  };
}

/** Backend of an open connection, as pg_stat_activity names it. */
export function backendPid(client: pg.ClientBase): number {
  return (client as unknown as Internals).processID ?? 0;
}

const WORDS: Record<AuthenticationMethod, string> = {
  none: 'lets everybody in without authentication',
  scram: 'did not complete SCRAM authentication',
  cleartext: 'asks for the password in the clear',
  md5: 'asks for an MD5 hash of the password',
};

function insecure(asked: AuthenticationMethod): Failure {
  return new Failure(
    'InsecureLogin',
    `the server ${WORDS[asked]}; no authentication other than SCRAM is answered unless TLS is verify-full: use scram-sha-256 in its pg_hba.conf (and a SCRAM password), or register it with TLS mode verify-full`,
  );
}

/**
 * The driver's parser throws at messages that it does not know, such as a request for GSSAPI, in the middle of an event that
 * nobody can catch: one such server would end the process. Here it only ends its connection.
 */
function catchProtocolErrors(connection: Internals['connection']): void {
  const attach = connection.attachListeners.bind(connection);
  connection.attachListeners = (stream) => {
    const before = new Set(stream.listeners('data'));
    attach(stream);
    for (const listener of stream.listeners('data')) {
      if (before.has(listener)) continue;
      const read = listener as (data: Buffer) => void;
      stream.off('data', read);
      stream.on('data', (data: Buffer) => {
        try {
          read(data);
        } catch (error) {
          connection.emit('error', new Error(`unexpected answer of the server: ${(error as Error).message}`));
          stream.destroy();
        }
      });
    }
  };
}
