#!/usr/bin/env node
// The command line: `npx pgsteward <command>`.
import { ensureDependencies } from './bootstrap.mjs';
import { allowTypeScript } from './typescript.mjs';

try {
  await ensureDependencies({ development: false });
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
await allowTypeScript();
const { main } = await import('../worker/main.ts');
const words = process.argv.slice(2);
process.exit(await main(words.length === 0 ? ['--help'] : words));
