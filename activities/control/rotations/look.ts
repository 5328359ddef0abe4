import type pg from 'pg';
import { judgeCondition } from '../../../domain/access/role-condition.ts';
import { Failure } from '../../../domain/failures.ts';
import { describeRotation } from '../../../domain/rotations/rotation.ts';
import { ROTATED_ROLE_SQL } from '../../../domain/sql/rotation.ts';
import { observeCluster } from '../../../platform/access/observe.ts';
import { sessionFacts } from '../../../platform/target/catalog/cluster.ts';
import type { RotationWork } from '../../../store/rotation-work.ts';

/** A role of the server as a run finds it. */
export interface SeenRole {
  oid: number;
  canLogin: boolean;
  connectionLimit: number;
  comment: string | null;
  settings: { database: string | null; entries: string[] }[];
}

export async function lookAtRole(client: pg.ClientBase, name: string): Promise<SeenRole | undefined> {
  const { rows } = await client.query<SeenRole>(ROTATED_ROLE_SQL, [name]);
  return rows[0];
}

/**
 * The role of a rotation, under its lock: who owns it was judged when the rotation was defined, what it can do may have changed
 * since (R5). @throws Failure NotAllowed
 */
export async function lookUnderRules(
  client: pg.ClientBase,
  { rotation }: Pick<RotationWork, 'rotation'>,
  serverName: string,
): Promise<SeenRole> {
  const { roleName: role, options } = rotation;
  const facts = await sessionFacts(client);
  const observed = await observeCluster(client, { serverName, facts });
  const verdict = judgeCondition({ role, when: 'present', ...(options.override && { override: true }) }, observed, {
    foreignOwner: undefined,
    environment: null,
    known: true,
    environmentsOfServer: [],
  });
  if (verdict.state === 'refused') throw new Failure('NotAllowed', verdict.message);
  const seen = await lookAtRole(client, role);
  if (seen === undefined)
    throw new Failure('NotAllowed', `there is no ${describeRotation({ serverName, roleName: role })}`);
  return seen;
}
