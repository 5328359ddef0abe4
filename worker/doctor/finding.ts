/** What the doctor found of one thing. */
export interface Finding {
  /** Such as `Temporal namespace`. */
  subject: string;
  state: 'ok' | 'warning' | 'problem';
  says: string;
  /** What mends it; missing where nothing has to be. */
  mend?: string;
}

export const ok = (subject: string, says: string): Finding => ({ subject, state: 'ok', says });
export const warning = (subject: string, says: string, mend: string): Finding => ({
  subject,
  state: 'warning',
  says,
  mend,
});
export const problem = (subject: string, says: string, mend: string): Finding => ({
  subject,
  state: 'problem',
  says,
  mend,
});

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}
