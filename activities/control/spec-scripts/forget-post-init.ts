import { DELETE_SCRIPT_RUNS_SQL, ENSURE_SCRIPT_RUNS_SQL } from '../../../domain/sql/script-runs.ts';
import type { TargetServer, TargetSession } from '../../../platform/target/target-server.ts';
import { listTaskIds } from '../../../store/tasks.ts';
import type { Work } from '../../../store/work.ts';
import type { ControlDeps } from '../deps.ts';

/** Removes the marker rows that a database's `post_init` left in the server's maintenance database. */
export async function forgetPostInit(
  deps: ControlDeps,
  server: TargetServer,
  context: { work: Work; session: (doing: string) => TargetSession },
): Promise<void> {
  const { work } = context;
  if (work.spec.scripts.postInit.length === 0) return;
  const taskIds = await listTaskIds(deps.db, work.databaseId);
  await server.inMaintenanceTransaction(context.session('forgetting scripts.post_init'), async (client) => {
    await client.query(ENSURE_SCRIPT_RUNS_SQL);
    await client.query(DELETE_SCRIPT_RUNS_SQL, [taskIds]);
  });
}
