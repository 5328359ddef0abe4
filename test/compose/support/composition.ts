import { randomBytes } from 'node:crypto';
import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../../support/follow.ts';
import { freePort, servicePortRange } from '../../support/ports.ts';
import { containersWith, type Inspected, leftOf, removeContainers } from './containers.ts';
import { type Images, localImages } from './images.ts';
import { commands } from './page.ts';
import { composeCommand, shell } from './run.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** The composition as it is published; tests have images, ports and a network of their own. */
const PUBLISHED = ['docker-compose.yml', 'ops'];
/** Above what two loaded cores need for a start from nothing. */
const HEALTHY_BOUND_MS = 5 * 60_000;

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  body: any;
}

/** One composition in a directory of its own. */
export interface Composition {
  project: string;
  directory: string;
  ports: Record<PortName, number>;
  servicePort: number;
  targetAddress: string;
  /** Runs the block of docs/containers.md that has a text in it, as it stands but for names, ports and images. */
  follow(text: string): Promise<string>;
  /** A command of Compose. */
  compose(words: string): Promise<string>;
  containers(): Promise<Inspected[]>;
  container(service: string): Promise<Inspected>;
  /** Waits until every service is healthy. */
  healthy(): Promise<void>;
  /** Makes an image of pgsteward that is another one, has it named in `.env`, and answers with its id. */
  nextImage(): Promise<string>;
  /** Texts that nobody may read in an inspection. */
  secrets(): Promise<string[]>;
  /** A request with the token of the first administrator. */
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  remove(): Promise<void>;
}

const PORTS = ['API_PORT', 'TEMPORAL_PORT', 'TEMPORAL_UI_PORT', 'CODEC_PORT', 'HOST_METRICS_PORT'] as const;
export type PortName = (typeof PORTS)[number];
/** As published. */
const DEFAULTS: Record<PortName, number> = {
  API_PORT: 3000,
  TEMPORAL_PORT: 7233,
  TEMPORAL_UI_PORT: 8233,
  CODEC_PORT: 8234,
  HOST_METRICS_PORT: 9465,
};
const SERVICES = ['metadata', 'target', 'temporal', 'temporal-ui', 'codec', 'api', 'worker', 'host'];

/** Prepares a composition that has not been started. */
export async function makeComposition(): Promise<Composition> {
  const images = await localImages();
  const directory = await mkdtemp(join(tmpdir(), 'pgsteward-compose-'));
  await chmod(directory, 0o755);
  for (const name of PUBLISHED) await cp(join(ROOT, name), join(directory, name), { recursive: true });
  const project = `pgst${randomBytes(4).toString('hex')}`;
  const next = `${project}-next`;
  const ports = Object.fromEntries(
    await Promise.all(PORTS.map(async (name) => [name, await freePort()] as const)),
  ) as Record<PortName, number>;
  const { first, last } = await servicePortRange();
  // 172.31.0.0/16 is none of those that the engine gives out first; a network that is taken fails the start, and says so.
  const subnet = `172.31.${randomBytes(1)[0]}`;
  const targetAddress = `${subnet}.10`;
  const settings = {
    ...images,
    ...ports,
    SUBNET: `${subnet}.0/24`,
    TARGET_ADDRESS: targetAddress,
    SERVICE_PORTS: `${first + 20}-${last}`,
    COMPOSE_PROJECT_NAME: project,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(join(directory, '.env'), lines.join(''));
  const spelled = await composeCommand();
  const here = (text: string) =>
    PORTS.reduce((all, name) => all.replaceAll(`127.0.0.1:${DEFAULTS[name]}`, `127.0.0.1:${ports[name]}`), text)
      .replaceAll('172.30.87.10', targetAddress)
      .replaceAll('docker compose', spelled)
      .replaceAll(/ pgsteward (compose-init|keys)/g, ` ${images.PGSTEWARD_IMAGE} $1`);
  const compose = (words: string) => shell(`${spelled} ${words}`, { cwd: directory });
  const containers = () => containersWith(`com.docker.compose.project=${project}`);

  const container = async (service: string): Promise<Inspected> => {
    const found = (await containers()).find(({ Config }) => Config.Labels['com.docker.compose.service'] === service);
    if (found === undefined) throw new Error(`there is no container of ${service}`);
    return found;
  };
  const token = async () => (await compose('exec -T api cat /var/lib/pgsteward/admin-token')).trim();

  return {
    project,
    directory,
    ports,
    servicePort: first,
    targetAddress,
    follow: (text) => shell(here(commands(text)), { cwd: directory }),
    compose,
    containers,
    container,
    async healthy() {
      await until(async () => {
        const states = (await containers()).map(({ State }) => State.Health?.Status);
        return states.length === SERVICES.length && states.every((state) => state === 'healthy') ? true : undefined;
      }, HEALTHY_BOUND_MS).catch(async (error: unknown) => {
        throw new Error(`${error}\n${await compose('ps')}\n${await compose('logs --tail=20')}`);
      });
    },
    async nextImage() {
      // The same program: what is new about a release is what the other tests are about.
      const dockerfile = `FROM ${images.PGSTEWARD_IMAGE}\nLABEL pgsteward.test=${project}\n`;
      await shell(`docker build --quiet --tag ${next} - <<'END'\n${dockerfile}END`);
      const file = join(directory, '.env');
      const before = await readFile(file, 'utf8');
      await writeFile(file, before.replace(/^PGSTEWARD_IMAGE=.*$/m, `PGSTEWARD_IMAGE=${next}`));
      return (await shell(`docker image inspect --format '{{.Id}}' ${next}`)).trim();
    },
    async secrets() {
      const folder = join(directory, '.compose/secrets');
      const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
      return [...texts.flatMap(secretsWithin), await token()];
    },
    async call(method, path, body) {
      const response = await fetch(`http://127.0.0.1:${ports.API_PORT}${path}`, {
        method,
        headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(60_000),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
    },
    async remove() {
      if ((await leftOf(project)).length > 0) await compose('down --volumes --timeout 5');
      await removeContainers(await servicesBelow(directory));
      await shell(`docker image rm --force ${next} 2>&1`).catch(() => undefined);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A secret file is one password, or a keyring whose keys are the secrets. */
function secretsWithin(text: string): string[] {
  if (!text.startsWith('{')) return [text.trim()];
  return Object.values((JSON.parse(text) as { keys: Record<string, string> }).keys);
}

/** Service containers, which are of no project, by where their files are. */
export async function servicesBelow(directory: string): Promise<Inspected[]> {
  const all = await containersWith('pgsteward.installation');
  return all.filter(({ Mounts }) => Mounts.some(({ Source }) => Source.startsWith(`${directory}/`)));
}

export type { Images };
