import { z } from '@hono/zod-openapi';
import { limit } from './paging.ts';
import { plainText } from './plain-text.ts';

const MAX_HOURS = 8_760;
const MAX_HOSTS = 1_000;

const name = plainText(100);

export const newJoinTokenSchema = z
  .strictObject({
    name: name.openapi({ example: 'rack 7' }),
    expires_in_hours: z.int().min(1).max(MAX_HOURS).default(24),
    max_hosts: z
      .int()
      .min(1)
      .max(MAX_HOSTS)
      .nullable()
      .default(1)
      .openapi({ description: 'Hosts that may join with it; null for any number.' }),
  })
  .openapi('NewJoinToken');

export const namedJoinTokenSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    state: z.enum(['valid', 'used', 'expired', 'revoked']).openapi({ description: 'Whether further hosts may join.' }),
    max_hosts: z.int().nullable(),
    hosts: z.array(z.string()).openapi({ description: 'Ids of hosts that were admitted with it.' }),
    created_by: z.string(),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
    revoked_at: z.iso.datetime().nullable(),
  })
  .openapi('NamedJoinToken');

export const createdJoinTokenSchema = z
  .object({
    token: namedJoinTokenSchema,
    secret: z.string().openapi({ description: 'Content of `PGSTEWARD_JOIN_TOKEN_FILE` on the host; shown here only.' }),
  })
  .openapi('CreatedJoinToken');

export const joinTokenListSchema = z.object({ tokens: z.array(namedJoinTokenSchema) }).openapi('JoinTokenList');

export const joinTokenPageSchema = z.object({
  after_token_id: z.uuid().optional().openapi({ description: 'Tokens made after this one.' }),
  limit,
});
