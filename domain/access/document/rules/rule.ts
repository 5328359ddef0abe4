import type { Problem } from '../../../spec/problems.ts';
import type { AccessDocument } from '../../document.ts';

/** One group of rules about a document as a whole: yields every problem that it finds. */
export type Rule = (document: AccessDocument) => Iterable<Problem>;
