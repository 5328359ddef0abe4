import { Failure } from '../../../../domain/failures.ts';
import { isSame, label, locateEndpoint } from '../../../../domain/replication/endpoints.ts';
import { answerText, choosePrimary, type EndpointAnswer } from '../../../../platform/target/primary.ts';
import { inTransaction } from '../../../../store/connection.ts';
import { listHosts } from '../../../../store/hosts.ts';
import { announceSteps } from '../../../../store/journal.ts';
import { lockServer } from '../../../../store/servers.ts';
import { openTasksOnServer, recordPrimaryHost, takeForSwitchover } from '../../../../store/switchovers.ts';
import type { ControlDeps } from '../../deps.ts';
import { performStep, type StepContext } from '../../step.ts';
import type { SwitchoverOrders } from '../../types.ts';
import { loadParties, type SwitchoverParties, sealOrders } from './orders.ts';

/** What may be missing on the candidate before the primary is stopped: it is replayed within a second or two. */
const MOST_BEHIND_BYTES = 16 * 1024 * 1024;

/** See {@link ControlActivities.checkSwitchover}. */
export async function checkSwitchover(
  deps: ControlDeps,
  input: { taskId: string },
): Promise<SwitchoverOrders & { epoch: number }> {
  const { taskId } = input;
  const { epoch } = await takeDatabase(deps, taskId);
  return performStep(deps, { taskId, epoch, step: 'checkSwitchover' }, async (step) => {
    const parties = await currentParties(deps, step);
    const orders = await sealOrders(deps, parties);
    const steps = [{ step: 'stopPrimary', target: orders.primary.instanceId }];
    if (!(await announceSteps(deps.db, { taskId, epoch, steps }))) {
      throw new Failure('StaleTask', `task ${taskId} was superseded`);
    }
    return { ...orders, epoch };
  });
}

/** Other operations on databases of the server end first; later ones on this database are refused until the task is closed. */
function takeDatabase(deps: ControlDeps, taskId: string): Promise<{ epoch: number }> {
  return inTransaction(deps.db, async (tx) => {
    const { record } = await loadParties(deps, taskId);
    // One at a time: two switchovers of databases on the same server would not see each other.
    await lockServer(tx, record.serverName);
    const taken = await takeForSwitchover(tx, taskId);
    if (taken === 'gone') throw new Failure('StaleTask', `task ${taskId} is unknown, or its database is gone`);
    if ('state' in taken) throw new Failure('Contention', `the database is ${taken.state}`);
    const [other] = await openTasksOnServer(tx, { serverName: record.serverName, exceptTaskId: taskId });
    if (other !== undefined) {
      throw new Failure('Contention', `${other.type} of database ${other.databaseId} is under way on the same server`);
    }
    return taken;
  });
}

/** Who is what now: since the acceptance the primary may have moved. @throws Failure where the candidate will not do */
async function currentParties(deps: ControlDeps, { work, session }: StepContext): Promise<SwitchoverParties> {
  const accepted = await loadParties(deps, work.taskId);
  const { record, server, candidate } = accepted;
  const target = await deps.targets.get(server.name);
  const answers = await target.askEndpoints(session('looking at primary and standby'));
  const primary = choosePrimary(server.name, answers, server.systemIdentifier);
  if (isSame(primary, candidate.endpoint)) {
    throw new Failure('NotAllowed', `host ${candidate.host.id} has the primary already`);
  }
  assertFit(answers, accepted, primary);
  if (isSame(primary, accepted.primary.endpoint)) return accepted;
  const node = work.spec.nodes.find(({ name }) => name === record.nodeName);
  const host = (await listHosts(deps.db)).find((each) => {
    const located = locateEndpoint(each, server.endpoints);
    return node?.hostIds.includes(each.id) === true && 'endpoint' in located && isSame(located.endpoint, primary);
  });
  if (host === undefined) throw new Failure('NotAllowed', `the primary ${label(primary)} is on no host of this node`);
  await recordPrimaryHost(deps.db, { taskId: work.taskId, hostId: host.id });
  return loadParties(deps, work.taskId);
}

function assertFit(
  answers: readonly EndpointAnswer[],
  { candidate, server }: SwitchoverParties,
  primary: EndpointAnswer['endpoint'],
): void {
  const answerOf = (wanted: EndpointAnswer['endpoint']) => answers.find(({ endpoint }) => isSame(endpoint, wanted));
  const [ahead, standby] = [answerOf(primary), answerOf(candidate.endpoint)];
  const said = standby === undefined ? 'it was not asked' : answerText(standby, server.systemIdentifier);
  if (standby?.state !== 'standby' || standby.systemIdentifier !== server.systemIdentifier) {
    throw new Failure('ServerUnavailable', `host ${candidate.host.id} has no standby to promote: ${said}`);
  }
  if (standby.replication === undefined || ahead?.replication === undefined) {
    throw new Failure('NotAllowed', 'the admin role may not see how far the standby is');
  }
  if (!standby.replication.receiving) {
    throw new Failure('ServerUnavailable', `${said} and receives nothing from the primary`);
  }
  const behind = ahead.replication.position - standby.replication.position;
  if (behind > MOST_BEHIND_BYTES) {
    throw new Failure('ServerUnavailable', `${said} and is ${Math.round(behind / 1e6)} MB behind`);
  }
}
