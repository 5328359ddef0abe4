// `npm start`: everything in this one process, so that a signal arrives once. Arguments are passed on.
import { ensureDependencies } from './bootstrap.mjs';

try {
  await ensureDependencies({ development: false });
} catch (error) {
  console.error(error.message);
  process.exit(1);
}

const { register } = await import('tsx/esm/api');
register();
const { main } = await import('../worker/main.ts');
process.exit(await main(['dev', ...process.argv.slice(2)]));
