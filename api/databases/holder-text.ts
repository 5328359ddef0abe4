import { mayUse } from '../access/may-use.ts';
import type { Caller } from '../caller.ts';

/** The database that holds what somebody wants, in words; its name is not for callers who may not see it (R6). */
export function holderText(caller: Pick<Caller, 'scope'>, databaseId: string): string {
  return mayUse(caller, 'databases', databaseId) ? `database "${databaseId}"` : 'another database';
}
