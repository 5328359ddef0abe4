/** Recognises texts that have to appear in a log one after the other, each in a line of its own. */
export function createLogSequence(texts: readonly string[]): { push(chunk: string): boolean } {
  let awaited = 0;
  let unfinished = '';
  return {
    /** Takes the next part of the log, cut anywhere; true once every text has been seen. */
    push(chunk) {
      const lines = (unfinished + chunk).split('\n');
      unfinished = lines.pop() ?? '';
      for (const line of lines) {
        const text = texts[awaited];
        if (text !== undefined && line.includes(text)) awaited += 1;
      }
      return awaited >= texts.length;
    },
  };
}
