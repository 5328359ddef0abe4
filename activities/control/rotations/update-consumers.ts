import { Failure } from '../../../domain/failures.ts';
import { authFileWith, consoleCommands, consumerFile } from '../../../domain/rotations/consumer-text.ts';
import type { ConsumerSecrets, RotationConsumer } from '../../../domain/rotations/rotation.ts';
import { readConsumerFile, writeConsumerFile } from '../../../platform/consumers/file.ts';
import { commandPgbouncer } from '../../../platform/consumers/pgbouncer.ts';
import type { RotationWork } from '../../../store/rotation-work.ts';
import { appendLog } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { performRotationStep, performRotationUndo } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { onceSealed, openConsumerSecrets, openPending, sealedBefore } from './secrets.ts';

type WrittenConsumer = Extract<RotationConsumer, { kind: 'file' | 'pgbouncer' }>;

/**
 * Gives files and PgBouncers the new password. What a file was before is kept sealed until the run has ended. PgBouncer gets the very
 * verifier that the server has, reads it, and leaves server connections as soon as they are free.
 */
export function updateConsumers(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performRotationStep(deps, { ...input, step: 'updateConsumers' }, async ({ work, assertHolds }) => {
    const secrets = await openConsumerSecrets(deps, work.rotation.id);
    const names: string[] = [];
    for (const consumer of writtenOf(work)) {
      const { name } = consumer;
      const directory = directoryOf(deps);
      const before = await onceSealed(deps, work, `consumer/${name}`, async () =>
        JSON.stringify({ content: await readConsumerFile(directory, pathOf(consumer)) }),
      );
      await assertHolds();
      const { content } = JSON.parse(before) as { content: string | null };
      await writeConsumerFile(directory, pathOf(consumer), await contentFor(deps, work, consumer, content));
      await tell(consumer, secrets);
      names.push(`${consumer.kind} "${name}"`);
    }
    await appendLog(deps.db, { taskId: work.taskId, entries: [{ message: `updated ${names.join(', ')}` }] });
  });
}

/** Files as they were, and PgBouncers that read them again. */
export function undoUpdateConsumers(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performRotationUndo(deps, { ...input, step: 'updateConsumers' }, async ({ work }) => {
    const secrets = await openConsumerSecrets(deps, work.rotation.id);
    for (const consumer of writtenOf(work)) {
      const before = await sealedBefore(deps, work, `consumer/${consumer.name}`);
      if (before === undefined) continue;
      const { content } = JSON.parse(before) as { content: string | null };
      await writeConsumerFile(directoryOf(deps), pathOf(consumer), content);
      await tell(consumer, secrets);
    }
  });
}

/** Takes the former login out of PgBouncer's file, once it is retired. */
export async function forgetFormerLogin(deps: ControlDeps, work: RotationWork): Promise<void> {
  const { previousLogin, login } = work.run;
  if (previousLogin === login) return;
  const secrets = await openConsumerSecrets(deps, work.rotation.id);
  for (const consumer of writtenOf(work)) {
    if (consumer.kind !== 'pgbouncer') continue;
    const text = (await readConsumerFile(directoryOf(deps), consumer.authFile)) ?? '';
    await writeConsumerFile(
      directoryOf(deps),
      consumer.authFile,
      authFileWith(text, new Map([[previousLogin, undefined]])),
    );
    await tell(consumer, secrets);
  }
}

function writtenOf({ rotation }: RotationWork): WrittenConsumer[] {
  return rotation.consumers.filter((one): one is WrittenConsumer => one.kind === 'file' || one.kind === 'pgbouncer');
}

const pathOf = (consumer: WrittenConsumer) => (consumer.kind === 'file' ? consumer.path : consumer.authFile);

function directoryOf({ consumersDir }: ControlDeps): string {
  if (consumersDir !== null) return consumersDir;
  throw new Failure(
    'NotAllowed',
    'this worker has no directory for consumers: set PGSTEWARD_CONSUMERS_DIR on every control worker',
  );
}

async function contentFor(
  deps: ControlDeps,
  work: RotationWork,
  consumer: WrittenConsumer,
  before: string | null,
): Promise<string> {
  const { login } = work.run;
  if (consumer.kind === 'pgbouncer') {
    const verifier = await sealedBefore(deps, work, 'verifier');
    if (verifier === undefined) throw new Error('PgBouncer is told before the server');
    return authFileWith(before ?? '', new Map([[login, verifier]]));
  }
  const server = await deps.targets.get(work.serverName);
  const [endpoint] = server.address.endpoints;
  return consumerFile(consumer.format, {
    server: work.serverName,
    role: work.rotation.roleName,
    login,
    password: await openPending(deps, work),
    database: consumer.database,
    host: endpoint?.address ?? '',
    port: endpoint?.port ?? 0,
    version: work.rotation.secretVersion + 1,
  });
}

async function tell(consumer: WrittenConsumer, secrets: ConsumerSecrets): Promise<void> {
  if (consumer.kind !== 'pgbouncer') return;
  const { host, port, adminUser: user, databases, name } = consumer;
  await commandPgbouncer({ host, port, user, password: secrets[name]?.password ?? '' }, consoleCommands(databases));
}
