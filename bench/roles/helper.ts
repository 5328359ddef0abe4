import { fork } from 'node:child_process';
import { once } from 'node:events';

/** A process of ours that answers one request at a time, so that what it costs is not on the event loop of the service. */
export interface Helper<Request, Answer> {
  /** @throws Error with the helper's message */
  ask(request: Request): Promise<Answer>;
  stop(): Promise<void>;
}

type Reply<Answer> = { answer: Answer } | { error: string };

/** Starts a module that calls {@link serve}. */
export function startHelper<Request extends object, Answer>(module: URL): Helper<Request, Answer> {
  const child = fork(module, { execArgv: ['--import', 'tsx'], serialization: 'advanced' });
  const gone = once(child, 'exit');
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        const ended = () => reject(new Error('a helper of the bench ended by itself'));
        child.once('exit', ended);
        child.once('message', (reply: Reply<Answer>) => {
          child.off('exit', ended);
          if ('error' in reply) reject(new Error(reply.error));
          else resolve(reply.answer);
        });
        child.send(request);
      }),
    async stop() {
      if (child.connected) child.disconnect();
      await gone;
    },
  };
}

/** Answers the requests of the process that started this one; ends with it. */
export function serve<Request, Answer>(answer: (request: Request) => Promise<Answer>): void {
  process.on('message', async (request: Request) => {
    let reply: Reply<Answer>;
    try {
      reply = { answer: await answer(request) };
    } catch (error) {
      reply = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    process.send?.(reply);
  });
  process.on('disconnect', () => process.exit(0));
}
