import { expect } from 'vitest';
import { type AuditRow, insertAudit } from '../../../store/audit.ts';
import { until } from '../../support/follow.ts';
import type { TestStack } from '../../support/stack.ts';

/** A message as the API shows it. */
export interface ShownDelivery {
  id: string;
  event: string;
  environment?: string;
  state: string;
  attempts: number;
  last_error?: string;
}

/** Adds a channel and gives its id. */
export async function addChannel(stack: TestStack, channel: Record<string, unknown>): Promise<string> {
  const { status, body } = await stack.call('POST', '/v1/notifications/channels', channel);
  expect(body).toMatchObject({ name: channel.name, configured: expect.any(Boolean) });
  expect(status).toBe(201);
  return body.id;
}

/** Messages of a channel, oldest first. */
export async function deliveriesOf(stack: TestStack, channelId: string): Promise<ShownDelivery[]> {
  const query = `channel_id=${channelId}&sort_order=asc`;
  const { status, body } = await stack.call('GET', `/v1/notifications/deliveries?${query}`);
  expect(status).toBe(200);
  return body.deliveries;
}

/** Waits until a channel has that many messages, none of which is pending. */
export function settled(stack: TestStack, channelId: string, count: number): Promise<ShownDelivery[]> {
  return until(async () => {
    const deliveries = await deliveriesOf(stack, channelId);
    return deliveries.length >= count && deliveries.every(({ state }) => state !== 'pending') ? deliveries : undefined;
  }, 60_000);
}

/** Something that ended, as whoever changes something records it. */
export function happened(stack: TestStack, row: Partial<AuditRow> & { action: string }): Promise<void> {
  return insertAudit(stack.control.db, {
    kind: 'outcome',
    actor: 'somebody',
    resource: 'thing/one',
    outcome: 'completed',
    ...row,
  });
}
