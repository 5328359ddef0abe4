import { Writable } from 'node:stream';
import type Docker from 'dockerode';
import { LABELS } from './docker-container.ts';
import { engineFailure, ifExists, withEngine } from './docker-errors.ts';
import { CHECK_OUTPUT_MAX_BYTES } from './process-check.ts';

/** {@link ServiceRuntime.check} by a container of its own, which is removed afterwards. What it prints is kept nowhere. */
export async function checkByContainer(
  docker: Docker,
  options: Docker.ContainerCreateOptions,
  { timeoutMs, signal: early }: { timeoutMs: number; signal?: AbortSignal },
): Promise<string | undefined> {
  const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(early === undefined ? [] : [early])]);
  const container = await withEngine('creating a container', () => docker.createContainer(options));
  try {
    const output = await container.attach({ stream: true, stdout: false, stderr: true });
    const said = collect(docker, output);
    await container.start();
    const { StatusCode } = (await container.wait({ abortSignal: signal })) as { StatusCode: number };
    return StatusCode === 0 ? undefined : await said;
  } catch (error) {
    signal.throwIfAborted();
    throw engineFailure(error, 'checking a configuration');
  } finally {
    await ifExists(container.remove({ force: true, v: true }));
  }
}

/** Removes the check container of that name, if there is one and this installation made it (R15). */
export async function removeOwnCheck(docker: Docker, of: { name: string; installationId: string }): Promise<void> {
  const found = await ifExists(docker.getContainer(of.name).inspect());
  if (found?.Config.Labels[LABELS.installation] !== of.installationId) return;
  await ifExists(docker.getContainer(found.Id).remove({ force: true, v: true }));
}

/** The text of a stream, up to a bound, once it has ended: the engine ends it with the container. */
async function collect(docker: Docker, stream: NodeJS.ReadableStream): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  const sink = () =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        if (length < CHECK_OUTPUT_MAX_BYTES) parts.push(chunk);
        length += chunk.length;
        done();
      },
    });
  await new Promise<void>((resolve) => {
    for (const event of ['end', 'close', 'error']) stream.once(event, () => resolve());
    docker.modem.demuxStream(stream, sink(), sink());
  });
  return Buffer.concat(parts).toString('utf8');
}
