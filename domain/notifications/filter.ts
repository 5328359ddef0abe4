/** Which events a channel is for. */
export interface ChannelFilter {
  /** Names of events; `*` stands for any characters. One that matches is enough. */
  events: readonly string[];
  /** Environments whose events are meant; empty: all, and what belongs to none. */
  environments: readonly string[];
}

/** Whether a channel is to hear of an event, by any of its names. */
export function isWanted(
  filter: ChannelFilter,
  event: { names: readonly string[]; environment: string | null },
): boolean {
  const { environments } = filter;
  if (environments.length > 0 && (event.environment === null || !environments.includes(event.environment)))
    return false;
  return filter.events.some((pattern) => event.names.some((name) => matchesPattern(pattern, name)));
}

/** Whether a name is what a pattern says. Piece by piece, because a regular expression of many stars takes for ever. */
export function matchesPattern(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (!name.startsWith(first)) return false;
  const last = rest.pop();
  if (last === undefined) return name === first;
  let position = first.length;
  for (const piece of rest) {
    const found = name.indexOf(piece, position);
    if (found < 0) return false;
    position = found + piece.length;
  }
  return name.length - last.length >= position && name.endsWith(last);
}

/** Parts of names, joined by dots, with stars. */
const EVENT_PATTERN = /^[a-z0-9_*]+(?:\.[a-z0-9_*]+)*$/;

/** Whether a text can be a pattern. */
export function isEventPattern(text: string): boolean {
  return EVENT_PATTERN.test(text);
}
