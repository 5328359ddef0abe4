import type { BenchStack } from '../stack.ts';
import { median, table } from '../statistics.ts';
import type { FloorAnswer, FloorRequest } from './floor.ts';
import { type Helper, startHelper } from './helper.ts';
import { peersTable } from './peers.ts';
import { mostConnections } from './sampler.ts';
import { createService, type Service } from './service.ts';
import { type BenchTarget, openTarget } from './target.ts';
import { changedWorkload, createWorkload, documentOf, SIZES, type Workload } from './workload.ts';

const CHANGES = 50;
const BARS = { nothing: 1.5, apply: 2, connections: 4 } as const;
const PASSWORDS = 20;
/** Both sides are measured as they are when they have run for a while. */
const WARM_UP_RUNS = 4;

interface Bench {
  service: Service;
  target: BenchTarget;
  floor: Helper<FloorRequest, FloorAnswer>;
}

/** A workload as it is to be, and with 50 rights taken away and 50 others given. */
interface Case {
  workload: Workload;
  changed: Workload;
  document: unknown;
  changedDocument: unknown;
}

/** Milliseconds; `step` is what the steps of a task took within the service, `cpu` CPU time of the process. */
type Measured = Record<'floor' | 'floorCpu' | 'http' | 'step' | 'cpu', number[]>;

/** Documents of two sizes: applied to a bare server, to one that has it all, and with 100 changes. */
export async function benchDocuments(stack: BenchStack, runs: number): Promise<void> {
  const target = await openTarget(stack.config);
  const floor = startHelper<FloorRequest, FloorAnswer>(new URL('floor.ts', import.meta.url));
  const bench = { service: createService(stack), target, floor };
  try {
    for (const name of ['W1', 'W2'] as const) {
      const workload = createWorkload(SIZES[name]);
      const changed = changedWorkload(workload, CHANGES);
      const of = { workload, changed, document: documentOf(workload), changedDocument: documentOf(changed) };
      await target.create(workload);
      try {
        await benchCase(bench, name, of, runs);
        if (name === 'W1') await verifiersSentOnce(bench, workload);
      } finally {
        await target.drop(workload);
      }
    }
  } finally {
    await floor.stop();
    await target.close();
  }
}

async function benchCase(bench: Bench, name: 'W1' | 'W2', of: Case, runs: number): Promise<void> {
  console.log(`\n${of.workload.title}; ${runs} runs, floor and ours by turns, medians`);
  const before = process.memoryUsage.rss();
  const first = nothingYet();
  const nothing = nothingYet();
  const changes = nothingYet();
  for (let run = -WARM_UP_RUNS; run < runs; run += 1) {
    const kept = run >= 0;
    await oneRun(bench, of, {
      oursFirst: run % 2 === 0,
      note: (measured, values) => {
        const { [measured]: lists } = { first, nothing, changes };
        if (!kept) return;
        for (const [side, ms] of Object.entries(values)) lists[side as keyof Measured].push(ms);
      },
    });
  }
  const connections = await connectionsOf(bench, of);
  report(name, { first, nothing, changes });
  const { memory } = await bench.floor.ask({ superuser: bench.target.superuser, task: 'read', workload: of.workload });
  const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MB`;
  const usage = process.memoryUsage();
  console.log(
    [
      `connections to the server at the same time: ${connections}; the floor: ${of.workload.databases.length} (bar: at most ${BARS.connections})`,
      `memory of the whole stack's process: ${megabytes(before)} before, ${megabytes(process.resourceUsage().maxRSS * 1024)} at most; heap in use ${megabytes(usage.heapUsed)}`,
      `memory of the floor's process: ${megabytes(memory.idle)} before, ${megabytes(memory.peak)} at most`,
    ].join('\n'),
  );
}

const nothingYet = (): Measured => ({ floor: [], floorCpu: [], http: [], step: [], cpu: [] });

interface Run {
  oursFirst: boolean;
  note(measured: 'first' | 'nothing' | 'changes', values: Partial<Record<keyof Measured, number>>): void;
}

async function oneRun({ service, target, floor }: Bench, of: Case, { oursFirst, note }: Run): Promise<void> {
  const { superuser } = target;
  const byTurns = async (ours: () => Promise<void>, theirs: () => Promise<void>) => {
    for (const side of oursFirst ? [ours, theirs] : [theirs, ours]) await side();
  };

  const byFloor = async (measured: Parameters<Run['note']>[0], task: 'read' | 'apply', workload: Workload) => {
    const { ms, cpuMs, changes } = await floor.ask({ superuser, task, workload });
    note(measured, { floor: ms, floorCpu: cpuMs });
    return changes;
  };
  const byService = async (measured: Parameters<Run['note']>[0], document: unknown) => {
    const { ms, stepMs, cpuMs, changes } = await service.apply(document);
    note(measured, { http: ms, step: stepMs, cpu: cpuMs });
    return changes;
  };

  await byTurns(
    async () => {
      await target.reset(of.workload);
      await byService('first', of.document);
    },
    async () => {
      await target.reset(of.workload);
      await byFloor('first', 'apply', of.workload);
    },
  );

  await byTurns(
    async () => {
      const { empty, changes, ms, cpuMs } = await service.plan(of.document);
      if (!empty) throw new Error(`there are ${changes} changes left after the document was applied`);
      note('nothing', { http: ms, cpu: cpuMs, step: (await service.apply(of.document)).stepMs });
    },
    async () => {
      const changes = await byFloor('nothing', 'read', of.workload);
      if (changes > 0) throw new Error(`the floor sees ${changes} changes after the document was applied`);
    },
  );

  // The second side makes the first one's changes undone: as many of both kinds.
  const states = [
    { workload: of.changed, document: of.changedDocument },
    { workload: of.workload, document: of.document },
  ];
  const next = () => states.shift() ?? { workload: of.workload, document: of.document };
  const expectChanges = (changes: number) => {
    if (changes !== 2 * CHANGES) throw new Error(`${changes} changes instead of ${2 * CHANGES}`);
  };
  await byTurns(
    async () => expectChanges(await byService('changes', next().document)),
    async () => expectChanges(await byFloor('changes', 'apply', next().workload)),
  );
}

/** In a run of its own, because looking takes time. */
async function connectionsOf({ service, target }: Bench, of: Case): Promise<number> {
  await target.reset(of.workload);
  return mostConnections(target.superuser, async () => {
    await service.apply(of.document);
    await service.plan(of.document);
    await service.apply(of.changedDocument);
  });
}

function report(name: 'W1' | 'W2', measured: Record<'first' | 'nothing' | 'changes', Measured>): void {
  const { first, nothing, changes } = measured;
  const row = (label: string, { floor, floorCpu, http, step, cpu }: Measured, bar: number) => {
    const base = median(floor);
    const verdict = (of: number[]) => {
      const ratio = median(of) / base;
      return `${ratio.toFixed(2)} x ${ratio <= bar ? 'kept' : 'missed'}`;
    };
    const medians = [floor, http, step, floorCpu, cpu].map((values) => median(values).toFixed(0));
    return [label, ...medians, `${bar} x`, verdict(http), verdict(step)];
  };
  console.log(
    table([
      ['ms', 'floor', 'HTTP', 'steps', 'floor CPU', 'our CPU', 'bar', 'HTTP/floor', 'steps/floor'],
      row('first apply', first, BARS.apply),
      row('nothing to do (HTTP: plan; steps: apply)', nothing, BARS.nothing),
      row('100 changes', changes, BARS.apply),
    ]),
  );
  const seconds = (side: 'floor' | 'http') =>
    [first, nothing, changes].map((each) => median(each[side]) / 1_000) as [number, number, number];
  console.log(`\n${peersTable(name, seconds('http'), seconds('floor'))}`);
}

/** The same document with passwords twice: the roles' rows are those of the first time, so nothing was sent again. */
async function verifiersSentOnce({ service, target }: Bench, workload: Workload): Promise<void> {
  await target.reset(workload);
  const logins = workload.logins.slice(0, PASSWORDS).map(({ name }) => name);
  const document = { roles: logins.map((name) => ({ name, login: true, password: `password of ${name}` })) };
  const rows = async () => {
    const { rows: found } = await target.admin.query<{ row: string }>(
      `SELECT concat_ws(' ', rolname, xmin, md5(rolpassword)) AS row FROM pg_authid WHERE rolname = ANY($1) ORDER BY rolname`,
      [logins],
    );
    return found.map(({ row }) => row).join('\n');
  };
  await service.apply(document);
  const before = await rows();
  const { empty, ms } = await service.plan(document);
  await service.apply(document);
  if (!empty || before !== (await rows())) throw new Error('a verifier was sent again');
  console.log(
    `\n${PASSWORDS} passwords applied twice: no verifier was sent again (plan with unchanged passwords: ${ms.toFixed(0)} ms)`,
  );
}
