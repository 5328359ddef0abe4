import type { RuntimeKind } from '../../domain/services.ts';
import type { Config } from '../../platform/config/config.ts';
import { engineSilence } from '../../platform/runtime/choose.ts';

/** How services run, in a few words. */
export const RUNTIME_TEXT: Record<RuntimeKind, string> = { docker: 'in containers', process: 'as plain processes' };

/** Why services are processes here, for a person who may have expected containers. */
export async function whyProcesses(wanted: Config['host']['runtime']): Promise<string> {
  if (wanted === 'process') return 'PGSTEWARD_RUNTIME=process';
  const silence = await engineSilence();
  return silence === undefined
    ? 'this host has services already, and they are processes'
    : `no Docker Engine answers (${silence})`;
}
