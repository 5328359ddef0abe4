import type { EndpointAnswer } from './primary.ts';
import type { TargetServer } from './target-server.ts';

/** What the endpoints of a server said of themselves at one moment. */
export interface ServerTopology {
  askedAt: Date;
  answers: readonly EndpointAnswer[];
}

/** Answers are shared by those who ask within this time. */
const FRESH_MS = 2_000;
/** Above the 2 s that one endpoint gets; the wait for a free connection is in it. */
const LOOK_TIMEOUT_MS = 4_000;

/**
 * Looks at servers for whoever wants to show them: concurrent and close requests share one look, and a server that is busy or
 * gone holds nobody up for long.
 * @returns undefined where there was no time to ask, or no such server is registered
 */
export function createTopologyLook(
  get: (name: string) => Promise<TargetServer>,
): (name: string) => Promise<ServerTopology | undefined> {
  const latest = new Map<string, { at: number; look: Promise<ServerTopology | undefined> }>();

  async function ask(name: string): Promise<ServerTopology | undefined> {
    try {
      const server = await get(name);
      const answers = await server.askEndpoints({
        applicationName: 'pgsteward:topology',
        doing: `looking at the endpoints of server ${name}`,
        signal: AbortSignal.timeout(LOOK_TIMEOUT_MS),
      });
      return { askedAt: new Date(), answers };
    } catch {
      return undefined;
    }
  }

  return (name) => {
    const known = latest.get(name);
    const now = performance.now();
    if (known !== undefined && now - known.at <= FRESH_MS) return known.look;
    const look = ask(name);
    latest.set(name, { at: now, look });
    return look;
  };
}
