import { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { CONTROL_TASK_QUEUE } from '../../domain/identifiers.ts';
import { SEARCH_ATTRIBUTES } from '../../domain/search-attributes.ts';
import type { Config } from '../../platform/config/config.ts';
import { type Frontend, frontendOf } from '../../platform/temporal/frontend.ts';
import { type Finding, messageOf, ok, problem } from './finding.ts';

/** A server that is there answers in milliseconds, and one behind a bad line in a second. */
const BOUND_MS = 15_000;
const NOT_FOUND = 5;
const { TASK_QUEUE_TYPE_WORKFLOW } = proto.temporal.api.enums.v1.TaskQueueType;

/** Temporal, its namespace, the search attributes in it, and whether a control worker polls. */
export async function checkTemporal({ temporal }: Config): Promise<Finding[]> {
  const { server, namespace } = temporal;
  let frontend: Frontend;
  try {
    frontend = await frontendOf(temporal);
  } catch (error) {
    return [problem('Temporal', messageOf(error), 'correct TEMPORAL_TLS_… or TEMPORAL_API_KEY_FILE')];
  }
  const { address } = frontend;
  let connection: Connection;
  try {
    connection = await Connection.connect({ ...frontend, connectTimeout: BOUND_MS });
  } catch (error) {
    const mend =
      server.kind === 'existing'
        ? 'start Temporal, or correct TEMPORAL_ADDRESS and, where it speaks TLS, TEMPORAL_TLS_…'
        : 'start pgsteward with `npm start`, which brings it along, or set TEMPORAL_ADDRESS';
    return [problem('Temporal', `${address} does not answer: ${messageOf(error)}`, mend)];
  }
  try {
    const found = [ok('Temporal', address)];
    return await connection.withDeadline(Date.now() + BOUND_MS, async () => {
      const known = await checkNamespace(connection, namespace);
      if (known.state !== 'ok') return [...found, known];
      return [...found, known, await checkAttributes(connection, namespace), await checkPollers(connection, namespace)];
    });
  } catch (error) {
    return [problem('Temporal', `${address}: ${messageOf(error)}`, 'see the log of the Temporal server')];
  } finally {
    await connection.close();
  }
}

async function checkNamespace(connection: Connection, namespace: string): Promise<Finding> {
  const subject = 'Temporal namespace';
  try {
    await connection.workflowService.describeNamespace({ namespace });
    return ok(subject, namespace);
  } catch (error) {
    if ((error as { code?: number }).code !== NOT_FOUND) throw error;
    return problem(
      subject,
      `there is no namespace ${namespace}`,
      `temporal operator namespace create -n ${namespace}, or set TEMPORAL_NAMESPACE`,
    );
  }
}

async function checkAttributes(connection: Connection, namespace: string): Promise<Finding> {
  const subject = 'Search attributes';
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !Object.hasOwn(customAttributes, name));
  if (missing.length === 0) return ok(subject, Object.keys(SEARCH_ATTRIBUTES).join(', '));
  const commands = missing.map(
    ([name, kind]) => `temporal operator search-attribute create -n ${namespace} --name ${name} --type ${kind}`,
  );
  return problem(
    subject,
    `missing: ${missing.map(([name]) => name).join(', ')}`,
    `start a control worker, which makes them, or run: ${commands.join('; ')}`,
  );
}

async function checkPollers(connection: Connection, namespace: string): Promise<Finding> {
  const subject = 'Control worker';
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: CONTROL_TASK_QUEUE },
    taskQueueType: TASK_QUEUE_TYPE_WORKFLOW,
  });
  const count = pollers?.length ?? 0;
  return count > 0
    ? ok(subject, `${count} polled within the last minutes`)
    : problem(subject, 'none takes work', 'start one: pgsteward worker');
}
