/** `npm run bench -- <name> [options]`: prints ratios measured in one run; absolute times say little on a shared machine. */
import { auditBench } from './audit.ts';
import { leasesBench } from './leases.ts';
import { listBench } from './list.ts';
import { provisionBench } from './provision.ts';
import { rolesBench } from './roles.ts';
import { rotateBench } from './rotate.ts';
import { updateBench } from './update.ts';
import { usersBench } from './users.ts';

const BENCHES: ReadonlyMap<string, (args: string[]) => Promise<void>> = new Map([
  ['audit', auditBench],
  ['leases', leasesBench],
  ['list', listBench],
  ['provision', provisionBench],
  ['roles', rolesBench],
  ['rotate', rotateBench],
  ['update', updateBench],
  ['users', usersBench],
]);

const [name = '', ...args] = process.argv.slice(2);
const bench = BENCHES.get(name);
if (bench === undefined) {
  console.error(`usage: npm run bench -- <name>\n\nbenches: ${[...BENCHES.keys()].join(', ')}`);
  process.exit(2);
}
await bench(args);
process.exit(0);
