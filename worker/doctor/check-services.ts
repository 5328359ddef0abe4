import { access, constants } from 'node:fs/promises';
import type { Config } from '../../platform/config/config.ts';
import { findBundledBinary } from '../../platform/runtime/bundled-binary.ts';
import { createDockerClient, engineSilence } from '../../platform/runtime/choose.ts';
import { type Finding, messageOf, ok, problem, warning } from './finding.ts';

/** What services run in, and what they are run from. */
export async function checkServices({ host, postgrestImage }: Config): Promise<Finding[]> {
  const { runtime } = host;
  const silence = runtime === 'process' ? undefined : await engineSilence();
  const usesEngine = runtime !== 'process' && silence === undefined;
  const engine = engineFinding(runtime, silence);
  const binary = await checkBinary({ isEnough: usesEngine });
  if (!usesEngine) return [engine, binary];
  return [engine, await checkImages(postgrestImage ?? 'postgrest/postgrest', binary.state === 'ok'), binary];
}

function engineFinding(runtime: Config['host']['runtime'], silence: string | undefined): Finding {
  const subject = 'Docker Engine';
  if (runtime === 'process') return ok(subject, 'not used: services run as processes (PGSTEWARD_RUNTIME)');
  if (silence === undefined) return ok(subject, 'answers');
  const mend = 'start dockerd, or set DOCKER_HOST, or PGSTEWARD_RUNTIME=process';
  return runtime === 'docker'
    ? problem(subject, `does not answer: ${silence}`, mend)
    : warning(subject, `does not answer, so services run as processes: ${silence}`, mend);
}

async function checkBinary({ isEnough }: { isEnough: boolean }): Promise<Finding> {
  const subject = 'PostgREST binary';
  const binary = await findBundledBinary();
  const executable =
    binary !== undefined &&
    (await access(binary.path, constants.X_OK).then(
      () => true,
      () => false,
    ));
  if (executable) return ok(subject, `${binary.version}, ${binary.path}`);
  const says = binary === undefined ? 'there is none for this machine' : `${binary.path} cannot be executed`;
  const mend = binary === undefined ? 'run npm ci with optional packages, or use Docker' : `chmod +x ${binary.path}`;
  return isEnough ? warning(subject, says, mend) : problem(subject, says, mend);
}

async function checkImages(repository: string, canBuild: boolean): Promise<Finding> {
  const subject = 'PostgREST image';
  try {
    const images = await createDockerClient().listImages();
    const tags = images
      .flatMap(({ RepoTags }) => RepoTags ?? [])
      .filter((tag) => tag.startsWith(`${repository}:`) || tag.startsWith('pgsteward/postgrest:'));
    if (tags.length > 0) return ok(subject, tags.join(', '));
    return canBuild
      ? ok(subject, 'none yet; the first service pulls one, or builds it from the binary')
      : warning(subject, 'none yet', `docker pull ${repository}`);
  } catch (error) {
    return warning(subject, `the engine does not list its images: ${messageOf(error)}`, 'see the log of dockerd');
  }
}
