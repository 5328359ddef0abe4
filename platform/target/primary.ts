import { Failure } from '../../domain/failures.ts';
import { type Endpoint, endpointLabel, type TargetAddress } from './address.ts';
import { ConnectError, openConnection, type TargetSession } from './connection.ts';
import { toFailure } from './errors.ts';
import { askReplication, type ReplicationPosition } from './replication.ts';

/** What one endpoint of a server says of itself. */
export interface EndpointAnswer {
  endpoint: Endpoint;
  /** `read_only`: no standby, but `default_transaction_read_only` is on, as where a primary is fenced. */
  state: 'primary' | 'standby' | 'read_only' | 'unreachable';
  /** Where it answered. */
  systemIdentifier?: string;
  /** `server_version_num`, where it answered. */
  versionNum?: number;
  /** Why it did not answer. */
  failure?: Failure;
  /** Where it stands in its replication group: of servers with several endpoints, as far as the admin role may know. */
  replication?: ReplicationPosition;
}

/** Short: a standby that is down must not hold up what the primary can do. */
const ASK_TIMEOUT_MS = 2_000;

const ASK_SQL = `SELECT pg_is_in_recovery() AS "inRecovery", current_setting('transaction_read_only')::boolean AS "readOnly",
  current_setting('server_version_num')::int AS "versionNum",
  (SELECT system_identifier::text FROM pg_control_system()) AS "systemIdentifier"`;

interface Said {
  inRecovery: boolean;
  readOnly: boolean;
  versionNum: number;
  systemIdentifier: string;
}

/** Asks every endpoint, side by side, over one connection each. */
export function askEndpoints(address: TargetAddress, session: TargetSession): Promise<EndpointAnswer[]> {
  return Promise.all(address.endpoints.map((endpoint) => askEndpoint(address, endpoint, session)));
}

async function askEndpoint(
  address: TargetAddress,
  endpoint: Endpoint,
  session: TargetSession,
): Promise<EndpointAnswer> {
  const { signal } = session;
  try {
    const { tls, adminUser: user, adminPassword: password, maintenanceDb: database } = address;
    const connection = await openConnection(
      { endpoint, tls, user, password, database },
      { signal, timeoutMs: ASK_TIMEOUT_MS },
    );
    signal?.addEventListener('abort', connection.destroy, { once: true });
    try {
      const { rows } = await connection.client.query<Said>({ text: ASK_SQL, ...{ query_timeout: ASK_TIMEOUT_MS } });
      const said = rows[0];
      if (said === undefined) throw new Error('the server did not say what it is');
      const { systemIdentifier, versionNum } = said;
      const alone = address.endpoints.length === 1;
      const replication = alone ? undefined : await askReplication(connection.client, ASK_TIMEOUT_MS);
      return {
        endpoint,
        state: stateOf(said),
        systemIdentifier,
        versionNum,
        ...(replication === undefined ? {} : { replication }),
      };
    } finally {
      signal?.removeEventListener('abort', connection.destroy);
      await connection.close();
    }
  } catch (error) {
    signal?.throwIfAborted();
    const cause = error instanceof ConnectError ? error.cause : error;
    return { endpoint, state: 'unreachable', failure: toFailure(cause, `connecting to ${endpointLabel(endpoint)}`) };
  }
}

function stateOf({ inRecovery, readOnly }: Said): EndpointAnswer['state'] {
  if (inRecovery) return 'standby';
  return readOnly ? 'read_only' : 'primary';
}

const STATE_WORDS: Record<EndpointAnswer['state'], string> = {
  primary: 'is a primary',
  standby: 'is a standby',
  read_only: 'is read-only (default_transaction_read_only)',
  unreachable: 'does not answer',
};

/** For people: `10.0.0.5:5432 is a standby`. */
export function answerText(answer: EndpointAnswer, expected?: string): string {
  const where = endpointLabel(answer.endpoint);
  const said = answer.failure?.message;
  if (said !== undefined) return said.includes(where) ? said : `${where}: ${said}`;
  if (isOther(answer, expected)) return `${where} is another cluster (system identifier ${answer.systemIdentifier})`;
  return `${where} ${STATE_WORDS[answer.state]}`;
}

function isOther(answer: EndpointAnswer, expected: string | undefined): boolean {
  return expected !== undefined && answer.systemIdentifier !== undefined && answer.systemIdentifier !== expected;
}

/**
 * The one endpoint that takes changes.
 * @param expected system identifier of the cluster; endpoints with another one do not count
 * @throws Failure TwoPrimaries naming both (R20), or what every endpoint answered where none takes changes: ServerUnavailable,
 *   or the one failure of all, such as a refused password
 */
export function choosePrimary(name: string, answers: readonly EndpointAnswer[], expected?: string): Endpoint {
  const [first, second] = answers.filter((answer) => answer.state === 'primary' && !isOther(answer, expected));
  if (first !== undefined && second !== undefined) {
    const both = [first, second].map(({ endpoint }) => endpointLabel(endpoint));
    throw new Failure(
      'TwoPrimaries',
      `server ${name} has two primaries, ${both.join(' and ')}: nothing is changed until one of them is fenced (stopped, or made read-only)`,
      { details: { endpoints: both } },
    );
  }
  if (first !== undefined) return first.endpoint;
  const texts = answers.map((answer) => answerText(answer, expected));
  const types = new Set(answers.map(({ failure }) => failure?.type ?? 'ServerUnavailable'));
  const [type = 'ServerUnavailable', ...others] = types;
  throw new Failure(
    others.length === 0 ? type : 'ServerUnavailable',
    `server ${name} has no endpoint that takes changes: ${texts.join('; ')}`,
    { details: { endpoints: texts } },
  );
}

/** Remembers which endpoint of a server is the primary. */
export interface PrimaryFinder {
  /** Where changes are made, if that is known. */
  known(): Endpoint | undefined;
  /** Asks all endpoints; callers at the same time share the answer. */
  find(session: TargetSession): Promise<Endpoint>;
  /** Takes up what was asked elsewhere. */
  learn(answers: readonly EndpointAnswer[]): void;
  /** The remembered one failed, or does not take changes any more. */
  forget(): void;
}

/** After this time all endpoints are asked again, so that a second primary does not go unnoticed (R20). */
const TRUSTED_MS = 60_000;

/** With one endpoint there is nothing to find. */
export function createPrimaryFinder(address: TargetAddress): PrimaryFinder {
  const [only, ...more] = address.endpoints;
  if (only === undefined) throw new Error(`server ${address.name} has no endpoint`);
  if (more.length === 0) {
    return { known: () => only, find: async () => only, learn: () => undefined, forget: () => undefined };
  }

  let found: { endpoint: Endpoint; at: number } | undefined;
  let looking: Promise<Endpoint> | undefined;

  function choose(answers: readonly EndpointAnswer[]): Endpoint {
    found = undefined;
    const endpoint = choosePrimary(address.name, answers, address.systemIdentifier);
    found = { endpoint, at: performance.now() };
    return endpoint;
  }

  const finder: PrimaryFinder = {
    known() {
      if (found !== undefined && performance.now() - found.at > TRUSTED_MS) found = undefined;
      return found?.endpoint;
    },
    async find(session) {
      while (looking !== undefined) {
        try {
          return await looking;
        } catch (error) {
          // Whoever looked gave up for reasons of its own: then this one looks.
          if (error instanceof Failure) throw error;
          session.signal?.throwIfAborted();
        }
      }
      const known = finder.known();
      if (known !== undefined) return known;
      looking = askEndpoints(address, session)
        .then(choose)
        .finally(() => {
          looking = undefined;
        });
      return looking;
    },
    learn(answers) {
      try {
        choose(answers);
      } catch {
        // Whoever needs the primary is told why there is none.
      }
    },
    forget() {
      found = undefined;
    },
  };
  return finder;
}
