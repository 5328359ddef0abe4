/** What came of a look through the audit log. */
export interface CollectedNotifications {
  /** Messages that are new. */
  added: number;
  /** Channels that are being sent to. */
  channelIds: string[];
  /** There is more to look through. */
  more: boolean;
}

/** A message that is to be sent. */
export interface PendingNotification {
  deliveryId: string;
  /** For people: event and resource. */
  summary: string;
  createdAtMs: number;
}

/** Messages to channels. */
export interface NotificationActivities {
  /** Adds messages for new outcomes of the audit log, and starts the runs that send them. */
  collectNotifications(input: Record<string, never>): Promise<CollectedNotifications>;
  /** What is to be sent to a channel, oldest first; nothing where it is disabled or gone. */
  listPendingNotifications(input: { channelId: string }): Promise<{ pending: PendingNotification[] }>;
  /** One attempt to send a message. @returns whether there was one to send @throws NotificationRefused, ReceiverUnavailable */
  sendNotification(input: { deliveryId: string }): Promise<{ sent: boolean }>;
  /** Ends a message that could not be sent. */
  giveUpNotification(input: { deliveryId: string }): Promise<void>;
}
