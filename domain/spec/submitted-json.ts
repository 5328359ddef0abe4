import { z } from 'zod';

/** Deepest nesting of the specification, with room to spare; whatever lies deeper is not read by anybody. */
const MAX_DEPTH = 12;
/** Values of one request. More than any specification needs; without a bound, some 100,000 mistakes overflow the stack of zod. */
const MAX_VALUES = 20_000;

/**
 * Prepares parsed JSON for its schema. A null member counts as absent, because published clients write unset members
 * that way; inside `config` null stays, because there it is a value of the wrong type. Too many values are one problem.
 * What lies too deep is left out, so that no body can exhaust the stack of whoever walks through the request.
 */
export function submittedJson(value: unknown, context: z.core.$RefinementCtx): unknown {
  let values = 0;
  const prepared = copy(value, 0);
  if (values <= MAX_VALUES) return prepared;
  context.addIssue({ code: 'too_big', origin: 'array', maximum: MAX_VALUES, inclusive: true, input: value });
  return z.NEVER;

  function copy(part: unknown, depth: number, inConfig = false): unknown {
    values += 1;
    if (typeof part !== 'object' || part === null) return part;
    if (depth > MAX_DEPTH) return undefined;
    if (Array.isArray(part)) return part.map((item) => copy(item, depth + 1, inConfig));
    const members = Object.entries(part).filter(([, member]) => inConfig || member !== null);
    return Object.fromEntries(
      members.map(([name, member]) => [name, copy(member, depth + 1, inConfig || name === 'config')]),
    );
  }
}
