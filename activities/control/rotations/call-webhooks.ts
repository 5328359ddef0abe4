import { cancellationSignal } from '@temporalio/activity';
import { Failure } from '../../../domain/failures.ts';
import { handoverUrl } from '../../../domain/users/handover.ts';
import { callConsumer } from '../../../platform/consumers/webhook.ts';
import { makeHandover, makeHandoverToken } from '../../../platform/secrets/make-handover.ts';
import { inTransaction } from '../../../store/connection.ts';
import { findHandoverOfTask, insertHandover } from '../../../store/handovers.ts';
import { noteStep } from '../../../store/journal.ts';
import type { RotationWork } from '../../../store/rotation-work.ts';
import type { ControlDeps } from '../deps.ts';
import { performRotationStep, performRotationUndo } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { onceSealed, openConsumerSecrets, openPending } from './secrets.ts';

/** Tells webhooks of the new password: a signed message with a link that shows it once (R16). Each confirms with 2xx. */
export function callWebhooks(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performRotationStep(deps, { ...input, step: 'callWebhooks' }, async ({ work, noted, assertHolds }) => {
    const secrets = await openConsumerSecrets(deps, work.rotation.id);
    for (const { name } of webhooksOf(work)) {
      if (noted[name] === true) continue;
      const link = await linkFor(deps, work, name);
      await assertHolds();
      await call(work, { name, secrets, event: 'rotation.password', link });
      await noteStep(deps.db, { ...input, step: 'callWebhooks' }, { [name]: true });
    }
  });
}

/** Says to those that were told that the former password stays. One that does not take it knows by the first login that fails. */
export function undoCallWebhooks(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performRotationUndo(deps, { ...input, step: 'callWebhooks' }, async ({ work, noted }) => {
    const secrets = await openConsumerSecrets(deps, work.rotation.id);
    for (const { name } of webhooksOf(work)) {
      if (noted[name] !== true) continue;
      await call(work, { name, secrets, event: 'rotation.taken_back' }).catch((error: unknown) => {
        if (!(error instanceof Failure)) throw error;
        deps.log.warn(
          { err: error, rotationId: work.rotation.id },
          'a webhook does not know that a rotation was taken back',
        );
      });
    }
  });
}

const webhooksOf = ({ rotation }: RotationWork) => rotation.consumers.filter(({ kind }) => kind === 'webhook');

async function call(
  { rotation, run, taskId, serverName }: RotationWork,
  of: {
    name: string;
    secrets: Awaited<ReturnType<typeof openConsumerSecrets>>;
    event: string;
    link?: { url: string; expires_at: string };
  },
): Promise<void> {
  const { url, signingKey } = of.secrets[of.name] ?? {};
  if (url === undefined || signingKey === undefined)
    throw new Failure('NotAllowed', `webhook "${of.name}" has no address`);
  await callConsumer({
    ...{ name: of.name, url, signingKey, deliveryId: `${taskId}/${of.name}`, signal: cancellationSignal() },
    body: {
      event: of.event,
      rotation_id: rotation.id,
      task_id: taskId,
      server: serverName,
      role: rotation.roleName,
      login: of.link === undefined ? run.previousLogin : run.login,
      version: rotation.secretVersion + (of.link === undefined ? 0 : 1),
      ...(of.link && { link: of.link }),
    },
  });
}

/** The same link however often the step is repeated. */
async function linkFor(
  deps: ControlDeps,
  work: RotationWork,
  receiver: string,
): Promise<{ url: string; expires_at: string }> {
  const { publicUrl, hours } = deps.handover;
  if (publicUrl === null) {
    throw new Failure('NotAllowed', 'links need PGSTEWARD_PUBLIC_URL: set it on every control worker');
  }
  const token = await onceSealed(deps, work, `link/${receiver}`, makeHandoverToken);
  const expiresAt = (await findHandoverOfTask(deps.db, work.taskId, receiver))?.expiresAt ?? (await insert());
  return { url: handoverUrl(publicUrl, token), expires_at: expiresAt.toISOString() };

  async function insert(): Promise<Date> {
    const { taskId, serverName, rotation, run } = work;
    const server = await deps.targets.get(serverName);
    const [endpoint] = server.address.endpoints;
    const shown = {
      username: run.login,
      password: await openPending(deps, work),
      hostname: endpoint?.address ?? '',
      database: rotation.options.databases?.[0] ?? '',
      port: String(endpoint?.port ?? ''),
      env: '',
    };
    const { id, tokenHash, expiresAt: until, secret } = makeHandover(deps.sealer, { shown, hours, token });
    await inTransaction(deps.db, (tx) =>
      insertHandover(tx, {
        ...{ id, taskId, serverName, receiver, expiresAt: until, roleName: run.login, tokenHash, secret },
        environment: '',
        databaseName: shown.database,
        actor: work.actor,
      }),
    );
    return until;
  }
}
