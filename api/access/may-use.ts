import { covers, type ScopeKind } from '../../domain/authority/scope.ts';
import type { Caller } from '../caller.ts';

/** Whether something is within the caller's scope; what is not is to be answered as if it did not exist (R6). */
export function mayUse(caller: Pick<Caller, 'scope'>, kind: ScopeKind, name: string): boolean {
  return covers(caller.scope, kind, name);
}

/** What a list may show: these names of the kind, or everything where it is undefined. */
export function namesInScope(caller: Pick<Caller, 'scope'>, kind: ScopeKind): readonly string[] | undefined {
  return caller.scope === undefined ? undefined : (caller.scope[kind] ?? []);
}
