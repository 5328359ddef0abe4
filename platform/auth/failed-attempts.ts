import { isIPv6 } from 'node:net';
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';

/** Who tries to get in. */
export interface Attempt {
  /** Network address; undefined where a request came without a socket. */
  address: string | undefined;
  /** Of HTTP Basic, whose passwords people choose. */
  user?: string | undefined;
}

/**
 * Counts attempts that failed, by source address and by user name. In this process only: several of them allow as many times more.
 */
export interface FailedAttempts {
  /** Seconds until this one may try again; undefined when now. */
  blockedFor(attempt: Attempt): Promise<number | undefined>;
  failed(attempt: Attempt): Promise<void>;
  succeeded(attempt: Attempt): void;
}

const WINDOW_SECONDS = 60;
/** Room for a pipeline that goes on for a while with what was revoked, while a guesser gets nowhere. */
const FAILURES_PER_ADDRESS = 30;
const FAILURES_PER_USER = 10;
/** Above the number of addresses from which one pair of credentials is used. */
const MAX_KNOWN_PLACES = 10_000;

export function createFailedAttempts(): FailedAttempts {
  const byAddress = new RateLimiterMemory({ points: FAILURES_PER_ADDRESS, duration: WINDOW_SECONDS });
  const byUser = new RateLimiterMemory({ points: FAILURES_PER_USER, duration: WINDOW_SECONDS });
  // Where a name was used with success: nobody elsewhere can lock those out by guessing.
  const known = new Set<string>();
  const place = ({ address, user }: Attempt) => JSON.stringify([user, addressKey(address)]);

  /** Which counters an attempt stands in. */
  const countersOf = (attempt: Attempt): [limiter: RateLimiterMemory, key: string][] => [
    [byAddress, addressKey(attempt.address)],
    ...(attempt.user === undefined || known.has(place(attempt))
      ? []
      : [[byUser, attempt.user] satisfies [RateLimiterMemory, string]]),
  ];

  return {
    async blockedFor(attempt) {
      const waits = await Promise.all(
        countersOf(attempt).map(async ([limiter, key]) => waitOf(limiter, await limiter.get(key))),
      );
      const longest = Math.max(...waits);
      return longest > 0 ? longest : undefined;
    },
    async failed(attempt) {
      await Promise.all(countersOf(attempt).map(([limiter, key]) => limiter.penalty(key)));
    },
    succeeded(attempt) {
      if (attempt.user === undefined) return;
      const [oldest] = known;
      if (known.size >= MAX_KNOWN_PLACES && oldest !== undefined) known.delete(oldest);
      known.add(place(attempt));
    },
  };
}

function waitOf({ points }: RateLimiterMemory, state: RateLimiterRes | null): number {
  return state === null || state.consumedPoints < points ? 0 : Math.max(1, Math.ceil(state.msBeforeNext / 1000));
}

/** One IPv4 address, or the network of an IPv6 one: whoever has one of its addresses has 2^64. */
function addressKey(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  return isIPv6(address) ? firstGroups(address) : address;
}

/** The first 64 bits. */
function firstGroups(address: string): string {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
