import { z } from '@hono/zod-openapi';
import { isEid, uuidOf } from '../../domain/clusters/eid.ts';

const EID_RULE = 'must be an EID: 26 of a-z and 2-7, such as rvf73a77ozfsvcttryebfrnlem';

/** An EID in a response. */
export const eid = z.string().openapi('EID', { example: 'rvf73a77ozfsvcttryebfrnlem', description: EID_RULE });

/** An EID in a path; handlers see the UUID that it stands for. */
export function pathEid(name: string) {
  return z
    .string()
    .refine(isEid, EID_RULE)
    .transform(toUuid)
    .openapi({ type: 'string', param: { name, in: 'path' }, example: 'rvf73a77ozfsvcttryebfrnlem' });
}

/** An EID in the query string; handlers see the UUID that it stands for. */
export const queryEid = z
  .string()
  .refine(isEid, EID_RULE)
  .transform(toUuid)
  .openapi({ type: 'string', example: 'rvf73a77ozfsvcttryebfrnlem' });

/** For texts that were checked. */
function toUuid(text: string): string {
  const uuid = uuidOf(text);
  if (uuid === undefined) throw new Error('an EID was not checked');
  return uuid;
}
