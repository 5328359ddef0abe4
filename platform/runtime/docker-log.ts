import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import type Docker from 'dockerode';
import { createLogSequence, type LogWatch } from './log-sequence.ts';

/** Newest lines of a container's log, oldest first. */
export async function tailContainerLog(docker: Docker, name: string, lines: number): Promise<string[]> {
  const frames = await docker.getContainer(name).logs({ stdout: true, stderr: true, tail: lines, follow: false });
  const parts: string[] = [];
  const stream = Readable.from([frames]);
  onText(docker, stream, (text) => parts.push(text));
  await once(stream, 'end');
  return parts
    .join('')
    .split('\n')
    .filter((line) => line !== '')
    .slice(-lines);
}

/** {@link ServiceRuntime.watchLog} for a container. */
export function watchContainerLog(
  docker: Docker,
  name: string,
  sought: LogWatch,
  options: { timeoutMs: number },
): { ready: Promise<void>; seen: Promise<void> } {
  const signal = AbortSignal.timeout(options.timeoutMs);
  const subscribed = subscribe(docker, name);
  const seen = subscribed.then((stream) => follow(docker, stream, sought, signal));
  // Whoever gave up before waiting for it must not be ended by its rejection.
  seen.catch(() => undefined);
  return { ready: subscribed.then(() => undefined), seen };
}

/**
 * Everything from the engine's present time on. `tail=0` would begin wherever the log ends by the time the engine gets
 * to reading it, which may be after the line that is waited for.
 */
async function subscribe(docker: Docker, name: string): Promise<NodeJS.ReadableStream> {
  const { SystemTime } = (await docker.info()) as { SystemTime: string };
  const since = (Date.parse(SystemTime) / 1000).toFixed(3);
  return await docker.getContainer(name).logs({ stdout: true, stderr: true, since, follow: true });
}

async function follow(
  docker: Docker,
  stream: NodeJS.ReadableStream,
  sought: LogWatch,
  signal: AbortSignal,
): Promise<void> {
  const sequence = createLogSequence(sought);
  try {
    await new Promise<void>((resolve, reject) => {
      // The engine ends the stream when the container stops: then only the time-out is left to wait for.
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      onText(docker, stream, (text) => {
        try {
          if (sequence.push(text)) resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  } finally {
    if (stream instanceof Readable) stream.destroy();
  }
}

function onText(docker: Docker, stream: NodeJS.ReadableStream, take: (text: string) => void): void {
  const sink = () =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        take(chunk.toString('latin1'));
        done();
      },
    });
  stream.on('error', () => undefined);
  docker.modem.demuxStream(stream, sink(), sink());
}
