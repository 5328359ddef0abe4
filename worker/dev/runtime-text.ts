import type { RuntimeKind } from '../../domain/services.ts';

const TEXT: Record<RuntimeKind, string> = { docker: 'in containers', process: 'as plain processes' };

/** How services run, in a few words. */
export function runtimeText(runtime: RuntimeKind): string {
  return TEXT[runtime];
}
