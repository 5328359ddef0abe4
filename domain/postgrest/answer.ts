import { z } from 'zod';

/** What an answer of PostgREST to `GET /` says about the instance. */
export type Readiness =
  | { state: 'ready' }
  /** Not yet: no answer, or one that passes by itself (connecting, loading the schema cache). */
  | { state: 'pending'; reason: string }
  /** PostgREST works and refuses: a role or a right is missing. */
  | { state: 'refused'; reason: string };

/** PostgREST's error document. */
const errorSchema = z.object({
  code: z.string().nullish(),
  message: z.string(),
  details: z.string().nullish(),
  hint: z.string().nullish(),
});

/** Enough for a sentence; a body that is not PostgREST's may be anything. */
const REASON_MAX_LENGTH = 500;

/** Judges an answer by its status; the reason is PostgREST's own words (names and addresses, never secrets). */
export function judgeAnswer(
  answer: { status: number; body: string } | { status: undefined; reason: string },
): Readiness {
  if (answer.status === undefined) return { state: 'pending', reason: answer.reason };
  if (answer.status >= 200 && answer.status < 300) return { state: 'ready' };
  const reason = `${answer.status} ${describe(answer.body)}`.slice(0, REASON_MAX_LENGTH).trim();
  return { state: answer.status >= 500 ? 'pending' : 'refused', reason };
}

function describe(body: string): string {
  try {
    const { code, message, details, hint } = errorSchema.parse(JSON.parse(body));
    const parts = [message, details, hint].filter((part) => part != null && part !== '');
    return [code, parts.join('; ').replace(/\s+/g, ' ')].filter(Boolean).join(' ');
  } catch {
    return body;
  }
}
