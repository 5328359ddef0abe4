/** Lines to look for in a log. */
export interface LogWatch {
  /** Texts that have to appear one after the other, each in a line of its own. */
  texts: readonly string[];
  /** Texts that end the wait: what is looked for will not come any more. */
  refusals?: readonly string[];
}

/** A line that says that what is waited for will not come. */
export class LogRefusal extends Error {
  /** The text that was found; the line around it may hold anything. */
  readonly text: string;

  constructor(text: string) {
    super(`the log says: ${text}`);
    this.name = 'LogRefusal';
    this.text = text;
  }
}

/** Recognises what a {@link LogWatch} looks for. */
export function createLogSequence({ texts, refusals = [] }: LogWatch): { push(chunk: string): boolean } {
  let awaited = 0;
  let unfinished = '';
  return {
    /** Takes the next part of the log, cut anywhere; true once every text has been seen. @throws LogRefusal */
    push(chunk) {
      const lines = (unfinished + chunk).split('\n');
      unfinished = lines.pop() ?? '';
      for (const line of lines) {
        const text = texts[awaited];
        if (text !== undefined && line.includes(text)) awaited += 1;
        const refusal = refusals.find((words) => line.includes(words));
        if (refusal !== undefined) throw new LogRefusal(refusal);
      }
      return awaited >= texts.length;
    },
  };
}
