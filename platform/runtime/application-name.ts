import { createHash } from 'node:crypto';
import { serviceApplicationName } from '../../domain/services/application-name.ts';

/** {@link serviceApplicationName} of a unit. */
export function applicationNameOf(unit: string): string {
  return serviceApplicationName(unit, (text) => createHash('sha256').update(text).digest('hex'));
}
