// `npm test`: installs what is missing, says what it found, then runs every check and test. Further arguments go to
// Vitest. REQUIRE_DOCKER=1 makes a missing container engine a failure; PGSTEWARD_TEST_NODES names programs of other releases of
// Node.js, separated by colons, which the unit tests are run with as well. The last line is `N passed, N failed`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ensureDependencies, ROOT } from './bootstrap.mjs';
import { runVitest } from './run-vitest.mjs';

const DOCKER_TIMEOUT_MS = 10_000;

/** What makes and runs the images of the composition, beside an engine; all of it is there after `.ci/run`. */
const COMPOSITION_NEEDS = {
  root: async () => process.getuid?.() === 0,
  docker: () => runs('docker', ['--version']),
  'docker compose, or docker-compose': async () =>
    (await runs('docker', ['compose', 'version'])) || (await runs('docker-compose', ['version'])),
  debootstrap: () => runs('debootstrap', ['--version']),
  go: () => runs('go', ['version']),
};

const vitestArguments = process.argv.slice(2);
const dockerRequired = process.env.REQUIRE_DOCKER === '1';
const total = { passed: 0, failed: 0 };

try {
  await ensureDependencies({ development: true });
  const { register } = await import('tsx/esm/api');
  register();
  const docker = await findDocker();
  const environment = { ...process.env, ...docker, ...(await findComposition(docker)), ...(await findTemporal()) };
  await runEverything(environment);
} catch (error) {
  console.error(error.message);
  total.failed += 1;
}
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);

async function runEverything(environment) {
  const steps = [
    { title: 'lint and format', args: [bin('biome'), 'check', '.'] },
    { title: 'types', args: [bin('tsc'), '-p', '.', '--noEmit'] },
    { title: 'workflow bundle', args: ['--import', 'tsx', 'scripts/check-bundle.ts'] },
  ];
  for (const { title, args } of steps) {
    const succeeded = await step(title, args, environment);
    total[succeeded ? 'passed' : 'failed'] += 1;
  }
  const nodes = otherNodes();
  // Processes that the tests start warn of variables that they do not know.
  delete environment.PGSTEWARD_TEST_NODES;
  for (const node of nodes) {
    const succeeded = await step(
      `unit tests with ${node}`,
      [bin('vitest'), 'run', '--project', 'unit'],
      environment,
      node,
    );
    total[succeeded ? 'passed' : 'failed'] += 1;
  }
  const counted = await runVitest({
    run: (title, args, env) => step(title, [bin('vitest'), 'run', ...args], { ...environment, ...env }),
    args: vitestArguments,
    again: Number(process.env.VITEST_RETRY ?? 0),
    // With arguments (such as -t) Vitest reports the tests that were not selected as skipped.
    skipFails: dockerRequired && vitestArguments.length === 0,
  });
  total.passed += counted.passed;
  total.failed += counted.failed;
}

/** Programs of other releases of Node.js, which the unit tests are run with as well. */
function otherNodes() {
  return (process.env.PGSTEWARD_TEST_NODES ?? '').split(':').filter(Boolean);
}

/** Program of an installed package; all of them are JavaScript. */
function bin(name) {
  return join(ROOT, 'node_modules', '.bin', name);
}

/** Runs one step with our own output; resolves with whether it succeeded. */
async function step(title, args, env, node = process.execPath) {
  console.log(`\n== ${title}`);
  const started = performance.now();
  const [code] = await once(spawn(node, args, { cwd: ROOT, env, stdio: 'inherit' }), 'exit');
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`== ${title}: ${code === 0 ? 'passed' : 'FAILED'} in ${seconds} s`);
  return code === 0;
}

/** Whether a container engine answers; tells the tests by `PGSTEWARD_TEST_DOCKER`. */
async function findDocker() {
  const { default: Docker } = await import('dockerode');
  try {
    const { Version } = await new Docker({ timeout: DOCKER_TIMEOUT_MS }).version();
    console.log(`Docker Engine ${Version}: services are tested in containers and as processes`);
    return { PGSTEWARD_TEST_DOCKER: '1' };
  } catch (error) {
    if (dockerRequired) throw new Error(`REQUIRE_DOCKER=1, and no Docker Engine answers: ${error.message}`);
    console.log(
      'Docker Engine: none answers; services are tested as processes only, the container runtime is left out',
    );
    return { PGSTEWARD_TEST_DOCKER: '0', PGSTEWARD_RUNTIME: 'process' };
  }
}

/** Whether the composition can be tested with images made on this machine; tells the tests by `PGSTEWARD_TEST_COMPOSE`. */
async function findComposition({ PGSTEWARD_TEST_DOCKER }) {
  if (PGSTEWARD_TEST_DOCKER !== '1') return { PGSTEWARD_TEST_COMPOSE: '0' };
  const missing = [];
  for (const [need, isThere] of Object.entries(COMPOSITION_NEEDS)) if (!(await isThere())) missing.push(need);
  if (missing.length === 0) return { PGSTEWARD_TEST_COMPOSE: '1' };
  const text = `images cannot be made here without ${missing.join(', ')}`;
  if (dockerRequired) throw new Error(`REQUIRE_DOCKER=1, and ${text}`);
  console.log(`Composition: ${text}; docker-compose.yml and the image are left out`);
  return { PGSTEWARD_TEST_COMPOSE: '0' };
}

/** Whether a command succeeds; false where there is none. */
async function runs(command, args) {
  const child = spawn(command, args, { stdio: 'ignore' });
  const [code] = await once(child, 'exit').catch(() => [1]);
  return code === 0;
}

/** The Temporal CLI, fetched if need be; tells the tests by `TEMPORAL_CLI_PATH`. */
async function findTemporal() {
  const { obtainTemporalCli } = await import('../platform/local/temporal-cli.ts');
  const home = process.env.PGSTEWARD_HOME ?? join(ROOT, '.pgsteward');
  const cli = await obtainTemporalCli({ cacheDir: join(home, 'bin'), env: process.env, progress: console.log });
  console.log(`Temporal CLI ${cli.version}: ${cli.path} (${cli.source})`);
  return { TEMPORAL_CLI_PATH: cli.path };
}
