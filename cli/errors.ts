/** Exit codes of commands that speak to the API; docs/cli.md lists them. */
export const EXIT = {
  done: 0,
  failed: 1,
  /** `plan`: the server is not as the document asks. */
  changesPending: 2,
  /** What was waited for is still under way. */
  stillRunning: 3,
  /** Ctrl-C, as shells count it. */
  interrupted: 130,
} as const;

/** Ends a command with a message for people. */
export class CliError extends Error {
  readonly exitCode: number;
  /** Status and name of an answer of the API, for `--json`. */
  readonly answer: { status: number; name?: string } | undefined;
  /** Whether a request was sent that nothing answered. */
  readonly unanswered: boolean;

  constructor(
    message: string,
    options: { exitCode?: number; answer?: { status: number; name?: string }; unanswered?: boolean } = {},
  ) {
    super(message);
    this.name = 'CliError';
    this.exitCode = options.exitCode ?? EXIT.failed;
    this.answer = options.answer;
    this.unanswered = options.unanswered === true;
  }
}
