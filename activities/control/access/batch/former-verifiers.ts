import type { SessionFacts } from '../../../../platform/target/catalog/cluster.ts';
import { storedPasswords } from '../../../../platform/target/catalog/fingerprint.ts';
import type { ControlDeps } from '../../deps.ts';
import { FORMER, formerOfStored } from '../../rotations/former.ts';
import { keepSealed } from '../../rotations/secrets.ts';
import type { Item } from './items.ts';
import type { Share } from './share-transaction.ts';

/**
 * Keeps sealed what the roles of rotations have before their passwords are set, so that a login that is refused has it back byte for
 * byte, also when another worker finds out. Where the admin role may not read it, the password on record has to do.
 * @param setting requests, with the roles whose password they are about to set
 */
export async function keepFormerVerifiers(
  deps: ControlDeps,
  { client, facts }: Pick<Share, 'client'> & { facts: Pick<SessionFacts, 'readsPasswords'> },
  setting: readonly { item: Item; roles: readonly string[] }[],
): Promise<void> {
  const rotating = setting.flatMap(({ item: { work }, roles }) =>
    work.options.rotation === undefined ? [] : roles.map((role) => ({ taskId: work.taskId, role })),
  );
  if (rotating.length === 0 || !facts.readsPasswords) return;
  const stored = await storedPasswords(
    client,
    rotating.map(({ role }) => role),
  );
  const texts = rotating.map(({ taskId, role }) => ({
    taskId,
    text: JSON.stringify(formerOfStored(stored.get(role) ?? null)),
  }));
  await keepSealed(deps, FORMER, texts);
}
