import { mayUse } from '../access/may-use.ts';
import type { Caller } from '../caller.ts';
import { ApiError } from '../errors.ts';

/** A scope names the databases that its callers may make, too. @throws ApiError 403 */
export function assertMayCreate(caller: Pick<Caller, 'scope'>, id: string | undefined): void {
  if (caller.scope === undefined || (id !== undefined && mayUse(caller, 'databases', id))) return;
  throw new ApiError(
    'forbidden',
    id === undefined
      ? 'id: has to be given by callers with a scope, as one of the databases that their scope names'
      : `id: ${JSON.stringify(id)} is none of the databases that your scope names`,
  );
}
