import type pg from 'pg';
import { scramVerifier } from '../../../platform/scram/verifier.ts';
import { sessionFacts } from '../../../platform/target/catalog/cluster.ts';
import { storedPasswords } from '../../../platform/target/catalog/fingerprint.ts';
import { iterationsOf } from '../../../platform/target/catalog/passwords.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';
import type { RotationWork } from '../../../store/rotation-work.ts';
import type { ControlDeps } from '../deps.ts';
import { onceSealed, openPending } from './secrets.ts';
import { keptOf } from './servers.ts';

/** The verifier of the password that a run sets: the same one however often it is asked for, because others are given it, too. */
export function verifierOf(
  deps: ControlDeps,
  work: RotationWork,
  on: { server: TargetServer; client: pg.ClientBase },
): Promise<string> {
  const { client, server } = on;
  return onceSealed(deps, work, keptOf(work, 'verifier', server), async () => {
    const iterations = iterationsOf(await sessionFacts(client));
    return scramVerifier({ password: await openPending(deps, work), iterations });
  });
}

/** What the server has stored for a role; undefined where the admin role may not know, null where there is nothing. */
export async function storedVerifier(client: pg.ClientBase, role: string): Promise<string | null | undefined> {
  const facts = await sessionFacts(client);
  if (!facts.readsPasswords) return undefined;
  return (await storedPasswords(client, [role])).get(role) ?? null;
}
