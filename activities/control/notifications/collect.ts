import type pg from 'pg';
import { factsOf, USED_MEMBERS } from '../../../domain/notifications/facts.ts';
import { isWanted } from '../../../domain/notifications/filter.ts';
import { startNotifications } from '../../../platform/temporal/start-notifications.ts';
import { inTransaction } from '../../../store/connection.ts';
import { type ChannelRecord, listEnabledChannels } from '../../../store/notification-channels.ts';
import {
  channelsWithPending,
  insertDeliveries,
  type NewDelivery,
  pruneDeliveries,
} from '../../../store/notification-deliveries.ts';
import {
  haveEnded,
  lockCursor,
  outcomesAfter,
  type ScannedOutcome,
  settle,
  settlePart,
  skipToEnd,
} from '../../../store/notification-scan.ts';
import type { ControlDeps } from '../deps.ts';
import type { CollectedNotifications } from '../types.ts';

/** Rows that are in memory at a time. */
const PAGE = 500;
/** Of one look, so that it takes seconds after days without a worker, too, and keeps what it has done. */
const PAGES = 20;

/**
 * Looks through the audit log for outcomes that channels are for, and starts the run of every channel that has something to send.
 * Those who wrote the log know nothing of it: they are neither delayed nor can they fail by it.
 * @returns how many messages were added, the channels that are being sent to, and whether there is more to look through
 */
export async function collectNotifications(
  deps: Pick<ControlDeps, 'db' | 'workflows' | 'taskQueue'>,
): Promise<CollectedNotifications> {
  const { added, more } = await inTransaction(deps.db, lookThrough);
  await pruneDeliveries(deps.db);
  const channels = await channelsWithPending(deps.db);
  for (const channel of channels) await startNotifications(deps.workflows, channel, { taskQueue: deps.taskQueue });
  return { added, channelIds: channels.map(({ id }) => id), more };
}

async function lookThrough(tx: pg.PoolClient): Promise<{ added: number; more: boolean }> {
  const cursor = await lockCursor(tx);
  const channels = await listEnabledChannels(tx);
  if (channels.length === 0) {
    await skipToEnd(tx);
    return { added: 0, more: false };
  }
  // Before the rows are read: what was written by those who have ended is seen below.
  const settles = await haveEnded(tx, cursor.pendingWriters);
  let [id, added] = [cursor.settledId, 0];
  for (let page = 1; ; page += 1) {
    const rows = await outcomesAfter(tx, { id, limit: PAGE, members: USED_MEMBERS });
    added += (
      await insertDeliveries(
        tx,
        rows.flatMap((row) => deliveriesOf(row, channels)),
      )
    ).length;
    id = rows.at(-1)?.id ?? id;
    if (rows.length < PAGE) break;
    // What is not settled yet has to be looked through as a whole: it is what the last seconds have brought.
    if (settles && page >= PAGES) {
      // Beyond what was pending nothing is known to be settled yet: the next look begins again there, and knows more.
      await (id < cursor.pendingId ? settlePart(tx, id) : settle(tx));
      return { added, more: true };
    }
  }
  if (settles) await settle(tx);
  return { added, more: false };
}

function deliveriesOf(row: ScannedOutcome, channels: readonly ChannelRecord[]): NewDelivery[] {
  const { facts, names } = factsOf(row);
  return channels
    .filter((channel) => row.at >= channel.activeSince && isWanted(channel, { names, environment: row.environment }))
    .map(({ id, name }) => ({ channelId: id, channelName: name, auditId: row.id, facts }));
}
