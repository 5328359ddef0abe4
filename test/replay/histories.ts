import { fileURLToPath } from 'node:url';

/** Directory of the recorded histories; `scripts/record-histories.ts` writes them. */
export const HISTORIES = fileURLToPath(new URL('./histories', import.meta.url));

/** Content of one file: replay needs the workflow id that the run had. */
export interface RecordedHistory {
  workflowId: string;
  /** In the JSON form of protocol buffers, as `historyToJSON` gives it. */
  history: unknown;
}
