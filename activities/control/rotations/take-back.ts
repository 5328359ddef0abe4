import type { SubmittedPassword } from '../../../domain/access/document.ts';
import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import { scramVerifier, verifierMatches } from '../../../platform/scram/verifier.ts';
import { sessionFacts } from '../../../platform/target/catalog/cluster.ts';
import { iterationsOf } from '../../../platform/target/catalog/passwords.ts';
import type { TargetServer, TargetSession } from '../../../platform/target/target-server.ts';
import { findRotation } from '../../../store/rotations.ts';
import type { ServerWork } from '../../../store/server-work.ts';
import type { ControlDeps } from '../deps.ts';
import { openRotationPassword } from '../passwords.ts';
import { FORMER, type Former, setFormer } from './former.ts';
import { sealedBefore } from './secrets.ts';
import { newStays } from './set-role-password.ts';
import { storedVerifier } from './verifier.ts';

/** What became of a password that a run in a batch has set. `stays`: nobody knows the one before. */
export type TakenBack = { state: 'former' } | { state: 'stays'; message: string };

/**
 * Brings back the verifier before a run that was carried out in a batch, unless somebody has set another one meanwhile. May run twice.
 * @throws Failure where the server does not answer or refuses
 */
export async function takeBack(
  deps: ControlDeps,
  of: {
    server: TargetServer;
    session: TargetSession;
    work: ServerWork;
    passwords: ReadonlyMap<string, SubmittedPassword>;
  },
): Promise<TakenBack> {
  const { server, session, work } = of;
  const rotation = await findRotation(deps.db, work.options.rotation ?? '');
  const [role, submitted] = [...of.passwords][0] ?? [];
  if (rotation === undefined || role === undefined || submitted?.kind !== 'password') return { state: 'former' };
  const sealed = await sealedBefore(deps, work, FORMER);
  const recorded = await openRotationPassword(deps, { rotationId: rotation.id, version: rotation.secretVersion });
  const known: Former | { kind: 'recorded'; password: string } =
    sealed !== undefined
      ? (JSON.parse(sealed) as Former)
      : recorded === undefined
        ? { kind: 'unknown' }
        : { kind: 'recorded', password: recorded };
  // Whoever reads the role of a cluster next has the password on its own record set again.
  if (known.kind === 'unknown' && work.options.clusterRole !== undefined) return { state: 'former' };
  if (known.kind === 'unknown') return { state: 'stays', message: newStays(rotation) };
  await server.inMaintenanceTransaction(session, async (client) => {
    await client.query(LOCK_SQL, [[`role:${role}`]]);
    const stored = await storedVerifier(client, role);
    const isOurs = stored === undefined || (stored !== null && (await verifierMatches(submitted.password, stored)));
    if (!isOurs) return;
    if (known.kind !== 'recorded') return setFormer(client, role, known);
    const iterations = iterationsOf(await sessionFacts(client));
    const verifier = await scramVerifier({ password: known.password, iterations });
    await setFormer(client, role, { kind: 'verifier', verifier });
  });
  return { state: 'former' };
}
