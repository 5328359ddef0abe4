/** How long a lease may last, and how its end is spoken of. Everything is in seconds unless its name says otherwise. */

/** Nobody can use a shorter one; tests do. */
export const LEAST_TTL_SECONDS = 1;
/** What is wanted for longer is an account, not a lease. */
export const LONGEST_TTL_SECONDS = 31 * 86_400;
const DEFAULT_TTL_SECONDS = 3_600;

/**
 * The server refuses logins this long after the end of a lease by itself (VALID UNTIL): whatever happens to us, nobody gets in after
 * that. Before that the end is ours: clocks differ, and a login within the lease must not be refused.
 */
const GRACE_SECONDS = 60;

/** What a request, a template and the bounds above say together. */
export interface LeaseTerms {
  ttlSeconds: number;
  maxTtlSeconds: number;
}

/** What is asked for, and what a template allows. */
export interface TermsWish {
  ttl: number | undefined;
  maxTtl: number | undefined;
  template: { defaultTtlSeconds: number; maxTtlSeconds: number } | undefined;
}

/** @returns the terms, or what is wrong with the wish, by the member of the request */
export function termsFor({ ttl, maxTtl, template }: TermsWish): LeaseTerms | { path: string; message: string } {
  const most = template?.maxTtlSeconds ?? LONGEST_TTL_SECONDS;
  const ttlSeconds = ttl ?? Math.min(template?.defaultTtlSeconds ?? DEFAULT_TTL_SECONDS, maxTtl ?? most);
  const maxTtlSeconds = maxTtl ?? (template === undefined ? ttlSeconds : most);
  const whose = template === undefined ? 'the longest possible' : "the template's";
  if (maxTtlSeconds > most) return { path: 'max_ttl', message: `is above ${whose} ${most} s` };
  if (ttlSeconds > maxTtlSeconds) return { path: 'ttl', message: `is above max_ttl, which is ${maxTtlSeconds} s` };
  return { ttlSeconds, maxTtlSeconds };
}

/** The end that a renewal gives: not beyond the longest one, and never an earlier one than there is. */
export function renewedEnd(of: { now: Date; ttlSeconds: number; endsAt: Date; maxEndsAt: Date }): Date {
  const wanted = of.now.getTime() + of.ttlSeconds * 1_000;
  return new Date(Math.max(of.endsAt.getTime(), Math.min(wanted, of.maxEndsAt.getTime())));
}

/** VALID UNTIL of a login whose lease ends then. */
export function validUntil(endsAt: Date): string {
  return new Date(endsAt.getTime() + GRACE_SECONDS * 1_000).toISOString();
}
