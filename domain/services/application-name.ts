import { POSTGRES_NAME_MAX_BYTES } from '../identifiers.ts';

const PREFIX = 'pgsteward/';
/** Hexadecimal digits of the hash: 64 bits, and ids are chosen by few people who are known. */
const DIGEST_LENGTH = 16;

/**
 * `application_name` of a unit's database connections, by which its sessions are found in `pg_stat_activity` and, after
 * the unit was killed, ended. PostgreSQL cuts a longer name silently, so that two units could look alike: here it is cut
 * with a hash of the whole. The double hyphen before the hash keeps such a name apart from every name that was not cut.
 * @param unit unit id; all ASCII, so that characters are bytes
 * @param sha256 SHA-256 in hexadecimal digits
 */
export function serviceApplicationName(unit: string, sha256: (text: string) => string): string {
  const name = PREFIX + unit;
  if (name.length <= POSTGRES_NAME_MAX_BYTES) return name;
  const ending = `--${sha256(unit).slice(0, DIGEST_LENGTH)}`;
  return name.slice(0, POSTGRES_NAME_MAX_BYTES - ending.length).replace(/-+$/, '') + ending;
}
