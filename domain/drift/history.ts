/** Where the history of a server is; a number that only rises while it is the same server. */
export interface History {
  timeline: number;
  position: number;
}

export type HistoryVerdict =
  | 'same'
  /** A standby took over: what was not replicated is lost. */
  | 'promoted'
  /** The server is further back than it was, or on another timeline without a standby that could have taken over: a backup. */
  | 'went_back';

/** What became of a server between two looks. @param several whether it has several endpoints */
export function judgeHistory(before: History | null, now: History | null, several: boolean): HistoryVerdict {
  if (before === null || now === null) return 'same';
  if (now.timeline < before.timeline || now.position < before.position) return 'went_back';
  if (now.timeline === before.timeline) return 'same';
  return several ? 'promoted' : 'went_back';
}
