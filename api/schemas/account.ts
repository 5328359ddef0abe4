import { z } from '@hono/zod-openapi';
import { GLOBAL_ROLES } from '../../domain/authority/roles.ts';
import { scopeSchema } from '../../domain/authority/scope.ts';
import { KEY_FORMATS } from '../../domain/authority/token-format.ts';
import { timestamp } from './common.ts';

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;

const role = z.enum(GLOBAL_ROLES);
const scopeText =
  'What it is confined to: names of environments, servers and databases. Left out, nothing; a kind that is left out means none of that kind.';
/**
 * A scope in a request. The schema of the domain may have been made before the API's own extension of schemas was loaded: it is
 * described here.
 */
const givenScope = z
  .unknown()
  .pipe(scopeSchema)
  .openapi({
    type: 'object',
    description: scopeText,
    example: { databases: ['storefront'] },
  });
/** A scope in an answer. */
const names = z.array(z.string());
const shownScope = z
  .object({ environments: names.optional(), servers: names.optional(), databases: names.optional() })
  .openapi('Scope', { description: scopeText });

/** Names that are written `<way>:<name>` are those of callers that no administrator made. */
const accountName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._@-]{0,62}$/,
    'must be 1 to 63 of a-z, 0-9, ".", "_", "@" and "-", beginning with a letter or digit',
  )
  .openapi({ example: 'ci-shop' });
const email = z.email().max(320);
const noNul = (text: string) => !text.includes('\0');
const tokenName = z.string().min(1).max(100).refine(noNul, 'must not contain NUL').openapi({ example: 'pipeline' });

export const accountSchema = z
  .object({
    id: z.uuid(),
    eid: z.string().describe('The id as the cluster API writes it; the name of its own roles is `u_` and this.'),
    name: z.string(),
    email: z.string().optional(),
    role,
    scope: shownScope.optional(),
    origin: z
      .enum(['made', 'built_in', 'issuer'])
      .describe('By an administrator, with this program, or with a JWT of the issuer.'),
    created_at: timestamp,
    disabled_at: timestamp.optional(),
  })
  .openapi('Account');
export const accountListSchema = z.object({ accounts: z.array(accountSchema) }).openapi('AccountList');

export const newAccountSchema = z
  .strictObject({ name: accountName, email: email.optional(), role, scope: givenScope.optional() })
  .openapi('NewAccount');

export const accountChangeSchema = z
  .strictObject({
    email: email.nullable().optional(),
    role: role.optional(),
    scope: givenScope.nullable().optional().openapi({ description: 'Null takes the bounds away.' }),
    disabled: z.boolean().optional(),
  })
  .openapi('AccountChange');

export const tokenSchema = z
  .object({
    id: z.uuid(),
    account: z.string(),
    name: z.string(),
    prefix: z.string().describe('First characters of the token; the rest is stored nowhere.'),
    role: role.optional().describe('Where given, the token has less than its account.'),
    scope: shownScope.optional(),
    created_at: timestamp,
    expires_at: timestamp.optional(),
    revoked_at: timestamp.optional(),
    last_used_at: timestamp.optional().describe('To the minute.'),
  })
  .openapi('Token');
export const tokenListSchema = z.object({ tokens: z.array(tokenSchema) }).openapi('TokenList');

export const newTokenSchema = z
  .strictObject({
    name: tokenName,
    format: z
      .enum(KEY_FORMATS)
      .default('pgsteward')
      .describe('`cbkey` begins with `cbkey_`, as published clients of the cluster API demand it.'),
    account: z.string().min(1).max(255).optional().describe('Name of an account; your own unless given.'),
    role: role.optional(),
    scope: givenScope.optional(),
    expires_at: z.iso.datetime({ offset: true }).optional(),
  })
  .openapi('NewToken');

export const createdTokenSchema = z
  .object({
    token: tokenSchema,
    secret: z.string().nullable().describe('What to send as bearer. Shown here and never again.'),
  })
  .openapi('CreatedToken');

export const callerSchema = z
  .object({
    account: z.string(),
    way: z.enum(['token', 'jwt', 'basic', 'loopback', 'anonymous']).describe('How you were known.'),
    role,
    scope: shownScope.optional(),
    token_id: z.uuid().optional(),
    token_expires_at: timestamp.optional(),
  })
  .openapi('Caller');

export const accountIdParam = z.uuid().openapi({ param: { name: 'account_id', in: 'path' } });
export const tokenIdParam = z.uuid().openapi({ param: { name: 'token_id', in: 'path' } });
const limit = z.coerce.number().int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE);
export const accountPageSchema = z.object({ limit, after_account_id: z.uuid().optional() });
export const tokenPageSchema = z.object({
  limit,
  after_token_id: z.uuid().optional(),
  account: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('Name of an account, for administrators; your own unless given.'),
});
