/** Fewer are no crowd. */
const LEAST = 4;
/** How long a crowd is waited for: its requests go through the same process that waits for them. In milliseconds. */
const WAIT_MS = { least: 5, each: 3, most: 150 };
/** Most rounds without a wait after waits that were in vain. */
const MOST_SKIPPED = 8;

/** How long callers whose requests ended together are waited for, because they may ask again at about the same time. */
export interface CrowdPatience {
  /** Milliseconds to wait at most after so many requests have ended; undefined: not at all this time. */
  boundFor(ended: number): number | undefined;
  /** What came of the wait: so many requests, after so many had ended. */
  learn(came: number, ended: number): void;
}

/**
 * Where fewer than half came, the next 1, 2, 4, 8 rounds begin without a wait: callers that do not wait for each other, and come as they
 * please, are held up once in nine rounds at most.
 */
export function createCrowdPatience(): CrowdPatience {
  let skip = 0;
  let inVain = 0;
  return {
    boundFor(ended) {
      if (ended < LEAST) return undefined;
      if (skip > 0) {
        skip -= 1;
        return undefined;
      }
      return Math.min(WAIT_MS.most, WAIT_MS.least + ended * WAIT_MS.each);
    },
    learn(came, ended) {
      inVain = came < ended / 2 ? inVain + 1 : 0;
      skip = inVain === 0 ? 0 : Math.min(MOST_SKIPPED, 2 ** (inVain - 1));
    },
  };
}
