import { cancellationSignal } from '@temporalio/activity';
import { Failure } from '../../../../domain/failures.ts';
import { taskApplicationName } from '../../../../domain/marker.ts';
import { label } from '../../../../domain/replication/endpoints.ts';
import type { Endpoint } from '../../../../platform/target/address.ts';
import { proveLogin } from '../../../../platform/target/prove-login.ts';
import type { TargetServer } from '../../../../platform/target/target-server.ts';
import type { ControlDeps } from '../../deps.ts';
import { awaitReplay } from '../../rotations/await-replay.ts';
import { proofLine } from '../../rotations/proof-line.ts';
import { endOfWal, notReplayed, REPLAY_WITHIN_MS } from '../../rotations/prove-rotation.ts';
import { takeBack } from '../../rotations/take-back.ts';
import { endSessions } from './end-sessions.ts';
import type { Item, ItemOutcome } from './items.ts';

/** Logins at a time: one of the server's connections is left to others. */
const SIDE_BY_SIDE = 3;
/** How long one round goes on proving: other requests wait for its end, and the rest is proven in the next one. */
const PROVE_FOR_MS = 1_000;
/** A standby that follows is there within milliseconds; for one that lags the round does not wait. */
const REPLAY_FOR_MS = 250;
/** Refusals further apart than this are not of one lag. */
const SAME_LAG_MS = 10_000;

type Done = Extract<ItemOutcome, { state: 'done' }>;

/** What one round knows of the server. */
interface Round {
  deps: ControlDeps;
  server: TargetServer;
  batchId: string;
  standbys: readonly Endpoint[];
  /** Standbys that do not let a new password in yet: they are not asked for another one. */
  behind: Set<Endpoint>;
}

/**
 * Logs in with the passwords that runs of rotations have set, on the primary and on every standby: only then they are the current
 * ones. What is refused has the former password back and harms no other; what a standby has not replayed yet, or there was no time
 * for, comes again in the next round. Outcomes are changed in place.
 * @returns the failure after which everything that has no outcome is tried again
 */
export async function proveRotations(
  deps: ControlDeps,
  place: { server: TargetServer; batchId: string },
  items: readonly Item[],
  outcomes: Map<string, ItemOutcome>,
): Promise<Failure | undefined> {
  const queue = items.filter((item) => isToBeProven(item, outcomes.get(item.work.taskId)));
  if (queue.length === 0) return undefined;
  let trouble: Failure | undefined;
  const settle = (item: Item, outcome: ItemOutcome | Failure) => {
    const { taskId } = item.work;
    if (!(outcome instanceof Failure)) outcomes.set(taskId, outcome);
    else if (!outcome.retryable) outcomes.set(taskId, { state: 'failed', failure: outcome });
    else {
      trouble ??= outcome;
      outcomes.delete(taskId);
    }
  };
  const around = await orFailure(() => standbysOf(place));
  if (around instanceof Failure) {
    for (const item of queue) settle(item, around);
    return trouble;
  }
  const round: Round = { deps, ...place, ...around };
  const until = performance.now() + PROVE_FOR_MS;
  await Promise.all(
    Array.from({ length: SIDE_BY_SIDE }, async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
        const proven = item;
        const outcome = outcomes.get(item.work.taskId) as Done;
        if (trouble !== undefined) settle(item, trouble);
        else if (performance.now() > until) settle(item, later('the login with its new password is to be proven'));
        else settle(item, await orFailure(() => prove(round, proven, outcome)));
      }
    }),
  );
  return trouble;
}

/** Failures of the server are part of the answer; everything else nobody foresaw. */
async function orFailure<T>(work: () => Promise<T>): Promise<T | Failure> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

function isToBeProven({ work }: Item, outcome: ItemOutcome | undefined): boolean {
  return work.options.rotation !== undefined && outcome?.state === 'done' && outcome.more?.missing !== true;
}

const later = (reason: string): ItemOutcome => ({ state: 'waiting', held: false, reason, patient: true });

async function standbysOf({ server, batchId }: Pick<Round, 'server' | 'batchId'>) {
  const behind = new Set<Endpoint>();
  if (server.address.endpoints.length === 1) return { standbys: [], behind };
  const answers = await server.askEndpoints(sessionOf(batchId, 'asking endpoints'));
  const standbys = answers.filter(({ state }) => state !== 'primary').map(({ endpoint }) => endpoint);
  const position = await endOfWal(server, sessionOf(batchId, 'asking for the end of the WAL'));
  await Promise.all(standbys.map((endpoint) => awaitReplay(server, endpoint, { position, withinMs: REPLAY_FOR_MS })));
  return { standbys, behind };
}

const sessionOf = (batchId: string, doing: string) => ({
  applicationName: taskApplicationName(batchId),
  doing,
  signal: cancellationSignal(),
});

/** @returns what came of the request, or why nothing can be said of the primary now */
async function prove(round: Round, item: Item, outcome: Done): Promise<ItemOutcome | Failure> {
  const { server, standbys, behind } = round;
  // One refusal tells enough of a standby that lags: the others of this round try nothing.
  const [lagging] = behind;
  if (lagging !== undefined) return later(`standby ${label(lagging)} has not replayed it yet`);
  const login = loginOf(item);
  const signal = cancellationSignal();
  const lines: string[] = [];
  const onPrimary = await proveLogin(server, { ...login, signal });
  const line = await orFailure(async () => proofLine(login.role, 'the primary', onPrimary));
  if (line instanceof Failure) return line.type === 'LoginNotProven' ? back(round, item, line) : line;
  lines.push(line);
  for (const at of standbys) {
    const where = label(at);
    const there = await proveLogin(server, { ...login, at, signal });
    const said = await orFailure(async () => proofLine(login.role, where, there));
    if (said instanceof Failure) {
      if (noteBehind(server, where) > REPLAY_WITHIN_MS) return back(round, item, hopeless(said, where));
      behind.add(at);
      return later(`standby ${where} has not replayed it yet: ${said.message}`);
    }
    noteFollowing(server, where);
    lines.push(said);
  }
  return endFormerSessions(round, item, { ...outcome, steps: [...outcome.steps, ...lines] });
}

/** A refusal by a standby is of the former password that it still has. */
function hopeless(failure: Failure, where: string): Failure {
  return failure.type === 'LoginNotProven' ? new Failure('VerificationFailed', notReplayed(where)) : failure;
}

function loginOf(item: Item): { role: string; password: string } {
  const [set] = item.request.passwords;
  const [role, submitted] = set ?? [];
  if (role === undefined || submitted?.kind !== 'password') throw new Error('a rotation sets no password');
  return { role, password: submitted.password };
}

/** Since when standbys refuse new passwords, and when they last did. */
const behindSince = new WeakMap<TargetServer, Map<string, { since: number; seen: number }>>();

/** @returns for how long the standby has been behind, in milliseconds */
function noteBehind(server: TargetServer, where: string): number {
  const known = behindSince.get(server) ?? new Map<string, { since: number; seen: number }>();
  behindSince.set(server, known);
  const now = performance.now();
  const before = known.get(where);
  const since = before !== undefined && now - before.seen < SAME_LAG_MS ? before.since : now;
  known.set(where, { since, seen: now });
  return now - since;
}

function noteFollowing(server: TargetServer, where: string): void {
  behindSince.get(server)?.delete(where);
}

/** A password that does not log in is not left behind: the former one is valid again. @throws Failure of the server */
async function back({ deps, server, batchId }: Round, { work, request }: Item, failure: Failure): Promise<ItemOutcome> {
  const session = sessionOf(batchId, 'bringing back a password');
  const took = await takeBack(deps, { server, session, work, passwords: request.passwords });
  const message = took.state === 'stays' ? `${failure.message}; ${took.message}` : failure.message;
  return {
    state: 'failed',
    failure: new Failure(failure.retryable ? 'VerificationFailed' : failure.type, message, { cause: failure }),
    ...(took.state === 'stays' && { passwordStays: true }),
  };
}

async function endFormerSessions({ server, batchId }: Round, item: Item, outcome: Done): Promise<ItemOutcome> {
  if (item.work.options.endSessions !== true) return outcome;
  const { taskId } = item.work;
  const session = sessionOf(batchId, 'ending sessions of former passwords');
  const ended = await server.onMaintenance(session, (client) =>
    endSessions(client, [item], new Map([[taskId, outcome]])),
  );
  return ended.get(taskId) ?? outcome;
}
