import { type WorkflowClient, WorkflowExecutionAlreadyStartedError, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { Failure, isFailureType } from '../domain/failures.ts';
import { CONTROL_TASK_QUEUE } from '../domain/identifiers.ts';
import type { HostClaim } from '../domain/join.ts';
import type { HostFacts, Tombstone } from '../domain/services.ts';
import type { Log } from '../platform/log.ts';
import type { HostKeyPair } from '../platform/secrets/host-key.ts';
import { joinProof } from '../platform/secrets/join-proof.ts';
import type { confirmJoin, greetHost, joinHost, leaveHost } from '../workflows/hosts.ts';

/** What a host worker has to say to its control plane, as short runs there. Failures arrive as the control plane gave them. */
export interface HostControl {
  /** @throws Failure JoinRefused when the join token is not that of the installation */
  greet(): Promise<{ installationId: string }>;
  /** Asks to be admitted. @returns what must be removed first. @throws Failure JoinRefused while another worker answers */
  join(facts: HostFacts): Promise<Tombstone[]>;
  /** Says that removals are taken over. @returns those that came up meanwhile. @throws Failure JoinRefused when replaced */
  confirm(executed: readonly Tombstone[]): Promise<Tombstone[]>;
  /** Frees the host id, if the control plane hears it: otherwise the next worker to join asks whether this one still lives. */
  leave(): Promise<void>;
}

/** Bounds a run, so that a start never hangs on a control plane that is away. */
const ANSWER_TIMEOUT_MS = 60_000;
/** The end of a host worker does not wait longer than this for its control plane. */
const LEAVE_TIMEOUT_MS = 3_000;
/** How often the join of another worker is waited for. */
const JOIN_TURNS = 3;

/** The worker's identity, and how it proves that it may have it. */
export interface HostIdentity {
  hostId: string;
  workerId: string;
  hostKey: HostKeyPair;
  /** Key of the join token. */
  joinToken: string;
  /** Id of a named one. */
  joinTokenId: string | undefined;
}

export function createHostControl(workflows: WorkflowClient, identity: HostIdentity, log: Log): HostControl {
  const { hostId, workerId } = identity;

  function ask<W extends (input: never) => Promise<unknown>>(
    workflowType: string,
    workflowId: string,
    input: Parameters<W>[0],
    timeoutMs = ANSWER_TIMEOUT_MS,
  ): Promise<Awaited<ReturnType<W>>> {
    return workflows.execute(workflowType, {
      workflowId,
      taskQueue: CONTROL_TASK_QUEUE,
      args: [input],
      workflowExecutionTimeout: timeoutMs,
    }) as Promise<Awaited<ReturnType<W>>>;
  }

  /** One run at a time for each host id: two workers are never admitted side by side. */
  async function joinInTurn(facts: HostFacts): Promise<Tombstone[]> {
    const workflowId = `join-host/${hostId}`;
    for (let turn = 1; ; turn += 1) {
      try {
        const claim = await makeClaim(identity);
        return (await ask<typeof joinHost>('joinHost', workflowId, { ...claim, facts })).tombstones;
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError) || turn === JOIN_TURNS) throw error;
        // Of a worker that competes, or that was killed while it joined. How it ends is its own affair.
        await workflows
          .getHandle(workflowId)
          .result()
          .catch(() => undefined);
      }
    }
  }

  return {
    greet: () =>
      foreseen(async () => ask<typeof greetHost>('greetHost', `greet-host/${workerId}`, await makeClaim(identity))),
    join: (facts) => foreseen(() => joinInTurn(facts)),
    confirm: (executed) =>
      foreseen(async () => {
        const input = { ...(await makeClaim(identity)), executed: [...executed] };
        return (await ask<typeof confirmJoin>('confirmJoin', `confirm-join/${workerId}`, input)).tombstones;
      }),
    async leave() {
      try {
        await workflows.withDeadline(Date.now() + LEAVE_TIMEOUT_MS, () =>
          ask<typeof leaveHost>('leaveHost', `leave-host/${workerId}`, { hostId, workerId }, LEAVE_TIMEOUT_MS),
        );
      } catch (error) {
        log.warn({ err: error }, 'the control plane did not hear that this host worker ended');
      }
    },
  };
}

async function makeClaim({ hostId, workerId, hostKey, joinToken, joinTokenId }: HostIdentity): Promise<HostClaim> {
  const issuedAt = new Date().toISOString();
  const proof = await joinProof({ hostId, workerId, publicJwk: hostKey.publicJwk, issuedAt, token: joinToken });
  const claim = { hostId, workerId, publicKey: { ...hostKey.publicJwk }, issuedAt, proof };
  return joinTokenId === undefined ? claim : { ...claim, joinTokenId };
}

/** Throws the failure inside a failed run, where it is one of ours. */
async function foreseen<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    let cause: unknown = error;
    while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause;
    if (cause instanceof TimeoutFailure) {
      throw new Failure('ServerUnavailable', 'no control worker answered in time: start one, then this host again', {
        cause: error,
      });
    }
    if (!(cause instanceof ApplicationFailure) || !isFailureType(cause.type)) throw error;
    throw new Failure(cause.type, cause.message, { cause: error });
  }
}
