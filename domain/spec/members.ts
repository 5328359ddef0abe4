/** Members that several objects of the specification share. */
import { z } from 'zod';
import { IDENTIFIER_MAX_LENGTH } from '../identifiers.ts';

/** Text of an identifier: its length is checked with the shape, its form in `validate.ts`, where published servers do. */
export const identifierText = z.string().min(1).max(IDENTIFIER_MAX_LENGTH);

/** `major.minor`, such as `17.6`. */
export const postgresVersionText = z.string().regex(/^\d{2}\.\d{1,2}$/);

/** Host ids of a node or service. */
export const hostIds = z.array(identifierText).min(1);

/**
 * A member of the published contract that a server which exists already cannot honour. It is kept, so that
 * `rules/unsupported.ts` can refuse it by name rather than ignore what the caller relies on.
 */
export const unsupported = z
  .unknown()
  .optional()
  .describe('Refused: it concerns servers that the control plane creates itself.');
