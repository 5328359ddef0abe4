import type { Client } from './client.ts';
import type { Terminal } from './terminal.ts';

/** What a command has to work with. */
export interface Context {
  client: Client;
  terminal: Terminal;
  /** Whether the answer is to be JSON. */
  json: boolean;
}

/** Work of a command that speaks to the API; answers with the exit code. */
export type Action<Arguments, Options> = (context: Context, args: Arguments, options: Options) => Promise<number>;
