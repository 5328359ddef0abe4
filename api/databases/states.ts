import type { DatabaseRecord, DatabaseState } from '../../store/databases.ts';
import { ApiError } from '../errors.ts';

/** States in which no operation is under way. */
const MODIFIABLE: ReadonlySet<DatabaseState> = new Set(['available', 'degraded', 'failed']);

/** @throws ApiError while another operation is under way */
export function assertModifiable(
  { state }: Pick<DatabaseRecord, 'state'>,
  what: 'updated' | 'deleted',
  otherwise = '',
): void {
  if (MODIFIABLE.has(state)) return;
  throw new ApiError(
    'database_not_modifiable',
    `the database is ${state}; it can be ${what} once its current task has ended${otherwise}`,
  );
}
