import { describe, expect, test } from 'vitest';
import { type Import, importsIn, readSource, sourceFiles } from './imports.ts';

/** What a layer may import beside itself: directories, and directories of which it may import only types. */
interface Layer {
  from?: readonly string[];
  typesFrom?: readonly string[];
  /** Parts of the above, and packages, that it may not import all the same. */
  except?: readonly string[];
}

/** The rule of docs/architecture.md. */
const LAYERS: Readonly<Record<string, Layer>> = {
  domain: { except: ['node:', '@temporalio/', 'pg'] },
  workflows: { from: ['domain'], typesFrom: ['activities/control/types.ts'], except: ['node:', 'pg', 'zod'] },
  store: { from: ['domain'], except: ['@temporalio/'] },
  platform: { from: ['domain'] },
  activities: { from: ['domain', 'store', 'platform'] },
  'activities/host': { from: ['domain', 'platform'], except: ['platform/target', 'pg'] },
  api: { from: ['domain', 'store', 'platform'], typesFrom: ['workflows'] },
  cli: { from: ['domain'], typesFrom: ['api'], except: ['@temporalio/', 'pg', 'hono'] },
  worker: { from: ['domain', 'store', 'platform', 'activities', 'api', 'cli'], typesFrom: ['workflows'] },
};

function violations(layer: string, imports: readonly Import[]): string[] {
  const { from = [], typesFrom = [], except = [] } = LAYERS[layer] ?? {};
  return imports
    .filter(({ target, isOfThisProject, typeOnly }) => {
      if (except.some((part) => isBelow(target, part))) return true;
      if (!isOfThisProject) return false;
      const allowed = [layer, ...from, ...(typeOnly ? typesFrom : [])];
      return !allowed.some((directory) => isBelow(target, directory));
    })
    .map(({ file, target }) => `${file} imports ${target}`);
}

function isBelow(target: string, part: string): boolean {
  return target === part || target.startsWith(/[:/]$/.test(part) ? part : `${part}/`);
}

describe('imports go one way:', () => {
  test.each(Object.keys(LAYERS))('%s', (layer) => {
    const files = sourceFiles(layer);
    expect(files).not.toHaveLength(0);
    expect(files.flatMap((file) => violations(layer, importsIn(file, readSource(file))))).toEqual([]);
  });

  test.each([
    ['domain', `import { findHost } from '../store/hosts.ts';`],
    ['domain', `import { readFile } from 'node:fs/promises';`],
    ['workflows', `import {\n  createControlActivities,\n} from '../activities/control/index.ts';`],
    ['workflows', `import { STATES } from '../activities/control/types.ts';`],
    ['workflows', `import type { Log } from '../platform/log.ts';`],
    ['activities/host', `import type { HostRecord } from '../../store/hosts.ts';`],
    ['activities/host', `import { createTargetServer } from '../../platform/target/target-server.ts';`],
    ['activities/host', `export * from '../control/index.ts';`],
    ['api', `import { checkHosts } from '../workflows/hosts.ts';`],
    ['api', `const { startTestStack } = await import('../test/support/stack.ts');`],
    ['cli', `import { listTasks } from '../store/tasks.ts';`],
    ['cli', `import { taskSchema } from '../api/schemas/task.ts';`],
    ['store', `import '../api/app.ts';`],
    ['worker', `import { everything } from '../bench/main.ts';`],
  ])('in %s this would be noticed: %s', (layer, source) => {
    expect(violations(layer, importsIn(`${layer}/example.ts`, source))).toHaveLength(1);
  });
});

/** Configuration is read in one place; the local servers are given the rest of the environment. */
const READERS_OF_ENVIRONMENT = /^(platform\/config\/|platform\/local\/|worker\/main\.ts$)/;

test('the environment is read where configuration is, and passed on to local servers', () => {
  const readers = Object.keys(LAYERS)
    .flatMap(sourceFiles)
    .filter((file) => /\bprocess\.env\b/.test(readSource(file)) && !READERS_OF_ENVIRONMENT.test(file));
  expect(readers).toEqual([]);
});
