import { z } from '@hono/zod-openapi';
import { eidOf, uuidOf } from '../../domain/clusters/eid.ts';
import type { KeysetPage } from '../../store/keyset.ts';
import { ApiError } from '../errors.ts';

const MAX_CURSOR = 255;
const MAX_PAGE = 200;
const DEFAULT_PAGE = 100;

/** Parameters of every list of the family. */
export const pageSchema = z.object({
  cursor: z
    .string()
    .max(MAX_CURSOR)
    .refine((text) => !text.includes('\0'), 'must not contain NUL')
    .optional()
    .openapi({ description: '`next_cursor` of the page before: an id, or a name with `order_field=name`.' }),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE),
  order: z.enum(['asc', 'desc']).default('asc'),
  order_field: z.enum(['id', 'name']).default('id'),
});

/** The page that a request asks for, in the words of the store. @throws ApiError 400 for a cursor that is no id where ids order */
export function pageOf(query: z.infer<typeof pageSchema>): KeysetPage {
  const { cursor, limit, order, order_field: orderField } = query;
  if (cursor === undefined) return { orderField, order, limit };
  const after = orderField === 'name' ? cursor : uuidOf(cursor);
  if (after === undefined) throw new ApiError('invalid_input', 'cursor: must be an EID, because order_field is id');
  return { orderField, order, limit, after };
}

/**
 * Cuts what the store has read (one row more than the page, where there is one) to the page.
 * @returns the page, and what the answer tells of the next one
 */
export function cutPage<Row extends { id: string; name: string }>(
  rows: readonly Row[],
  { limit, orderField }: KeysetPage,
): { rows: readonly Row[]; paging: { has_more: boolean; next_cursor: string | null } } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  const cursor = last === undefined ? null : orderField === 'name' ? last.name : eidOf(last.id);
  return { rows: page, paging: { has_more: hasMore, next_cursor: hasMore ? cursor : null } };
}

/** What a page tells of the next one. */
export const pagingShape = { has_more: z.boolean(), next_cursor: z.string().nullable() };
