import type { ChangeMode, RuntimeKind } from '../../../../domain/services.ts';
import type { ServiceRuntime } from '../../../../platform/runtime/service-runtime.ts';
import { later } from './changes.ts';
import type { TestDatabase } from './database.ts';
import { startHost } from './host.ts';

/** Calls of the runtime after which a change stands still, so that its worker can be killed right there. */
export type StandStill = 'create' | 'check' | 'stop' | 'startAgain' | 'signal';

/** What the process is given. */
export interface ChangingWorkerInput {
  kind: RuntimeKind;
  installationId: string;
  dataDir: string;
  port: number;
  database: TestDatabase;
  mode: ChangeMode;
  after: StandStill;
}

/**
 * A worker in a process of its own: starts a service, begins to change it, stands still after one call of the runtime,
 * says what it has started with on standard output, and waits to be killed.
 */
const input: ChangingWorkerInput = JSON.parse(process.argv[2] ?? '');
const host = await startHost(input);
const bundle = host.bundle(input.database, { port: input.port });
await host.up(bundle);
standStillAfter(host.context.runtime, input.after, () => process.stdout.write(`${JSON.stringify(bundle)}\n`));
// The audience is nothing that the running service proves, so the replacement is checked beforehand.
const change = input.mode === 'reload' ? { maxRows: 1 } : { pool: 3, jwtAudience: 'shop' };
await host.change(later(bundle, 2, change), { mode: input.mode });

function standStillAfter(runtime: ServiceRuntime, call: StandStill, say: () => void): void {
  const real: (...given: never[]) => Promise<unknown> = runtime[call].bind(runtime);
  const still = async (...given: never[]) => {
    await real(...given);
    say();
    // Something has to keep the process alive, until it is killed.
    await new Promise(() => setInterval(() => undefined, 1_000));
  };
  Object.assign(runtime, { [call]: still });
}
