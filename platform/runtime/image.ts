import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import { Failure } from '../../domain/failures.ts';
import { type PostgrestVersion, requireVersion } from '../../domain/postgrest/versions.ts';
import { type BundledBinary, fileDigest } from './bundled-binary.ts';
import { engineFailure, ifExists, withEngine } from './docker-errors.ts';

/** A registry that answers delivers 20 MB in seconds; one that does not must not hold up a deployment for longer. */
const PULL_TIMEOUT_MS = 30_000;
/** Repository of the images that are built here. */
const BUILT_REPOSITORY = 'pgsteward/postgrest';
const DIGEST_LABEL = 'pgsteward.binary.sha256';

/** Which image is wanted, and how the caller follows. */
export interface ImageRequest {
  version: string;
  /** Image of the specification; it is never replaced by one that is built here. */
  image?: string;
  progress: (text: string) => void;
  signal?: AbortSignal;
}

/** Images of PostgREST on one engine. */
export interface ServiceImages {
  /**
   * Reference of an image that is on the engine now: one that is there already, else pulled, else built from the bundled
   * binary. Callers who ask for the same at the same time share the work.
   * @throws Failure ImageUnavailable with what to do, EngineUnavailable, UnsupportedVersion
   */
  ensure(request: ImageRequest): Promise<string>;
  /** Versions that start without asking a registry. */
  availableVersions(versions: readonly PostgrestVersion[]): Promise<string[]>;
}

/**
 * `binary` is what images are built from, under a tag of `repository`; without one, or for another version, they can only
 * be pulled: from `mirror` under the tags of the official images, where there is one.
 */
export function createServiceImages(of: {
  docker: Docker;
  binary: BundledBinary | undefined;
  repository?: string;
  mirror?: string | undefined;
}): ServiceImages {
  const { docker, binary, repository = BUILT_REPOSITORY, mirror } = of;
  const referenceOf = ({ version, image }: PostgrestVersion) =>
    mirror === undefined ? image : `${mirror}:v${version}`;
  const builtTag = (version: string) => `${repository}:${version}`;
  const inProgress = new Map<string, Promise<string>>();
  let digest: Promise<string> | undefined;

  /** The image that is on the engine under this request, if any. */
  async function local(version: string, reference: string, mayBeBuilt: boolean): Promise<string | undefined> {
    if ((await ifExists(docker.getImage(reference).inspect())) !== undefined) return reference;
    const built = mayBeBuilt ? await ifExists(docker.getImage(builtTag(version)).inspect()) : undefined;
    if (built === undefined) return undefined;
    const current = binary?.version !== version || built.Config.Labels?.[DIGEST_LABEL] === (await binaryDigest(binary));
    return current ? builtTag(version) : undefined;
  }

  function binaryDigest(of: BundledBinary): Promise<string> {
    digest ??= fileDigest(of.path);
    return digest;
  }

  async function fetchOrBuild(version: string, reference: string, mayBeBuilt: boolean, tell: (text: string) => void) {
    tell(`pulling image ${reference}`);
    const refused = await pull(docker, reference).catch(
      (error: unknown) => engineFailure(error, 'pulling the image').message,
    );
    if (refused === undefined) return reference;
    if (!mayBeBuilt || binary?.version !== version) throw unavailable(version, reference, refused, mayBeBuilt);
    tell(`building image ${builtTag(version)}: ${refused}`);
    await withEngine(`building image ${builtTag(version)}`, async () =>
      build(docker, binary, { tag: builtTag(version), digest: await binaryDigest(binary) }),
    );
    return builtTag(version);
  }

  return {
    async ensure({ version, image, progress, signal }) {
      const reference = image ?? referenceOf(requireVersion(version));
      const mayBeBuilt = image === undefined;
      const found = await withEngine('looking for the image', () => local(version, reference, mayBeBuilt));
      if (found !== undefined) return found;
      const work =
        inProgress.get(reference) ??
        fetchOrBuild(version, reference, mayBeBuilt, progress).finally(() => inProgress.delete(reference));
      inProgress.set(reference, work);
      return signal === undefined ? await work : await abortable(work, signal);
    },

    async availableVersions(versions) {
      const found = await Promise.all(
        versions.map(async (release) => {
          const { version } = release;
          const usable =
            version === binary?.version || (await local(version, referenceOf(release), true)) !== undefined;
          return usable ? [version] : [];
        }),
      );
      return found.flat();
    },
  };
}

/** @returns why the image could not be had, or undefined when it is there now */
async function pull(docker: Docker, reference: string): Promise<string | undefined> {
  const abortSignal = AbortSignal.timeout(PULL_TIMEOUT_MS);
  try {
    const stream = await docker.pull(reference, { abortSignal });
    return await finish(docker, stream);
  } catch (error) {
    if (abortSignal.aborted) return `no registry delivered it within ${PULL_TIMEOUT_MS / 1000} s`;
    throw error;
  }
}

/** A minimal image around the static binary, like the official one: nothing else in it, no user of its own. */
async function build(docker: Docker, binary: BundledBinary, of: { tag: string; digest: string }): Promise<void> {
  const archive = pack();
  archive.entry({ name: 'bin/postgrest', mode: 0o755 }, await readFile(binary.path));
  archive.entry({ name: 'app/data', type: 'directory', mode: 0o755 });
  archive.finalize();
  const stream = await docker.importImage(Readable.from(archive), {
    repo: of.tag,
    changes: [`LABEL ${DIGEST_LABEL}=${of.digest}`, 'USER 65532:65532', 'ENTRYPOINT ["/bin/postgrest"]'],
  });
  const refused = await finish(docker, stream);
  if (refused !== undefined) throw new Error(refused);
}

/** Reads the engine's progress to its end. Failures arrive as a message in it, after status 200. */
async function finish(docker: Docker, stream: NodeJS.ReadableStream): Promise<string | undefined> {
  return await new Promise<string | undefined>((resolve, reject) => {
    docker.modem.followProgress(stream, (error, messages: { error?: string }[]) => {
      if (error !== null) reject(error);
      else resolve(messages.find((message) => message.error !== undefined)?.error);
    });
  });
}

function unavailable(version: string, reference: string, refused: string, mayBeBuilt: boolean): Failure {
  const remedy = mayBeBuilt
    ? 'and no binary of this version is installed to build it from'
    : 'and an image named in the specification is not built here';
  return new Failure(
    'ImageUnavailable',
    `image ${reference} is not on this host, could not be pulled (${refused}), ${remedy}; ` +
      `run \`docker pull ${reference}\` or \`docker load\` on the host, and try again`,
    { details: { version, image: reference } },
  );
}

/** Stops waiting, not the work: others may share it. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return await Promise.race([work, aborted]);
}
