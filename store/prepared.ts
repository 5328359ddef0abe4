import type pg from 'pg';

/**
 * A statement that runs often: each connection parses and plans it once. Names are unique in the process. A proxy between this
 * process and the metadata database must keep sessions apart (no transaction pooling), as advisory locks and LISTEN need, too.
 */
export function prepared(name: string, text: string): (values: unknown[]) => pg.QueryConfig {
  return (values) => ({ name, text, values });
}
