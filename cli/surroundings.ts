import type { Terminal } from './terminal.ts';

/** What all commands of one call have around them. */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  terminal: Terminal;
  /** Set by the command that was run. */
  exitCode: number;
  json: boolean;
}

/** A command that runs a part of pgsteward itself, or looks at it from within: these are brought along by whoever calls. */
export interface OwnCommand {
  /** `api`, or `audit verify` for one that stands in a group. */
  name: string;
  description: string;
  /** Words after the command as they are; the command judges them. */
  run(words: readonly string[]): Promise<number>;
}
