// `npm start`: everything in this one process, so that a signal arrives once. Words after it name another command:
// `npm start -- worker`. `npx pgsteward` (pgsteward.mjs) is the same without `dev` where nothing is named.
import { ensureDependencies } from './bootstrap.mjs';
import { allowTypeScript } from './typescript.mjs';

const words = process.argv.slice(2);
try {
  await ensureDependencies({ development: false });
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
// Loading takes a second or two, in which nothing else would be seen.
if (words.length === 0) console.log('Starting pgsteward: everything on this machine\n');

await allowTypeScript();
const { main } = await import('../worker/main.ts');
process.exit(await main(words.length === 0 ? ['dev'] : words));
