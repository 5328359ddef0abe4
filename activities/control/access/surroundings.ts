import type { ObservedServer } from '../../../domain/access/observed.ts';
import type { SessionFacts } from '../../../platform/target/catalog/cluster.ts';
import type { LeasedConnection } from '../../../platform/target/target-server.ts';
import type { Application } from './apply-document.ts';
import type { PasswordLiterals } from './verifiers.ts';

/** What the transactions of one application share. */
export interface Surroundings extends Application {
  /** Holds the locks. */
  control: LeasedConnection;
  /** Connections that a database was read with, and that are still open. */
  kept: Map<string, LeasedConnection>;
  /** The server when it was planned. */
  observed: ObservedServer;
  facts: SessionFacts;
  literals: PasswordLiterals;
}
