import { z } from 'zod';
import { claimGrantsSchema } from '../../../domain/authority/claims.ts';
import { isLoopback } from '../loopback.ts';

/** Whether the published routes are open on loopback, or every route needs credentials. */
export const AUTH_MODES = ['open-loopback', 'required'] as const;
export type AuthMode = (typeof AUTH_MODES)[number];

/** URL of an issuer of JWTs; plain HTTP only on this machine, since whoever changes its answer can be anybody. */
export const issuerUrl = z.string().refine((value) => {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname, search, hash } = new URL(value);
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname.replace(/^\[(.*)\]$/, '$1')));
  return isSafe && search === '' && hash === '';
}, 'must be an https URL without query (http for a loopback address)');

/** JSON with what values of a claim give. */
export const claimGrants = z.string().transform((value, context) => {
  const parsed = claimGrantsSchema.safeParse(jsonOf(value));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  context.addIssue(
    `must be JSON such as {"dba": {"role": "admin"}}, with optional scopes (${where}${issue?.message ?? 'not readable'})`,
  );
  return z.NEVER;
});

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
