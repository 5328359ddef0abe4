import type { NotificationFacts } from './facts.ts';
import { oneLine } from './text.ts';

/** A message as every kind of channel shows it: single lines without control characters, not yet escaped for any of them. */
export interface Message {
  /** What happened, such as `database.created`. */
  event: string;
  /** Of what, and where: `database/storefront in prod`. */
  subject: string;
  succeeded: boolean;
  /** Label and value, in order. */
  lines: [label: string, value: string][];
  /** For comparison with the list of deliveries. */
  footer: string;
}

/** What identifies a message: the same one may arrive twice. */
export interface MessageOrigin {
  deliveryId: string;
  installationId: string;
}

/** The text of a notification. */
export function messageOf(facts: NotificationFacts, { deliveryId, installationId }: MessageOrigin): Message {
  const { environment } = facts;
  const lines: [string, string | null][] = [
    ['Environment', environment],
    ['Resource', facts.resource],
    ...Object.entries(facts.names).map(([label, names]): [string, string] => [label, names.join(', ')]),
    ['By', facts.source === null ? facts.actor : `${facts.actor} from ${facts.source}`],
    ['At', facts.at],
    ['Task', facts.taskId],
    ['Request', facts.requestId],
  ];
  return {
    event: oneLine(facts.event),
    subject: oneLine(environment === null ? facts.resource : `${facts.resource} in ${environment}`),
    succeeded: facts.succeeded,
    lines: lines.flatMap(([label, value]): [string, string][] => (value === null ? [] : [[label, oneLine(value)]])),
    footer: `pgsteward ${installationId}, delivery ${deliveryId}`,
  };
}
