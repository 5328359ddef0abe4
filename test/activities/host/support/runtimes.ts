import type { RuntimeKind } from '../../../../domain/services.ts';
import { engineSilence } from '../../../../platform/runtime/choose.ts';

/**
 * Runtimes that this machine has. Without an engine the docker half is left out and says so; `REQUIRE_DOCKER=1` keeps
 * it in, and it fails.
 */
export async function runtimesHere(): Promise<RuntimeKind[]> {
  const silence = await engineSilence();
  if (silence === undefined || process.env.REQUIRE_DOCKER === '1') return ['docker', 'process'];
  process.stdout.write(`no container engine answers (${silence}): the docker runtime is left out of these tests\n`);
  return ['process'];
}

/** The docker runtime alone, under the same rule. */
export async function dockerHere(): Promise<RuntimeKind[]> {
  return (await runtimesHere()).filter((kind) => kind === 'docker');
}
