import { settingKeys } from '../postgrest/setting-keys.ts';
import { findVersion } from '../postgrest/versions.ts';
import type { ResolvedService, ResolvedSpec } from '../spec/normalize.ts';

/** An instance as it runs, or as it is to run. */
export interface ChangeInstance {
  instanceId: string;
  serviceId: string;
  hostId: string;
  port: number;
  /** False: only its own machine reaches it. */
  published: boolean;
  /** PostgREST release; null where it is resolved when the service is deployed. */
  version: string | null;
}

/**
 * What becomes of an instance: `keep` touches nothing, `reload` changes it while it runs, `replace` puts a new process or
 * container in its place.
 */
export type InstanceAction = 'keep' | 'reload' | 'replace' | 'add' | 'remove';

/** What an update does to one instance, and why. */
export interface InstanceChange {
  instanceId: string;
  serviceId: string;
  hostId: string;
  port: number;
  action: InstanceAction;
  /** What differs: keys of postgrest.conf, or members of the service. */
  reasons: string[];
}

/** Everything that decides what becomes of instances. */
export interface InstanceDecision {
  previous: { spec: ResolvedSpec; instances: readonly ChangeInstance[] };
  next: { spec: ResolvedSpec; instances: readonly ChangeInstance[] };
  /** Users whose password changes. */
  passwords: ReadonlySet<string>;
  /** Services whose JWT secret is set, changed or removed. */
  jwtSecrets: ReadonlySet<string>;
  /** Deploy every instance anew. */
  force: boolean;
}

/** Decides what becomes of each instance, in the order: those that are to be, then those that go. Pure. */
export function decideInstances(decision: InstanceDecision): InstanceChange[] {
  const before = new Map(decision.previous.instances.map((instance) => [instance.instanceId, instance]));
  const after = new Set(decision.next.instances.map(({ instanceId }) => instanceId));
  const wanted = decision.next.instances.map((instance): InstanceChange => {
    const { instanceId, serviceId, hostId, port } = instance;
    const running = before.get(instanceId);
    if (running === undefined) return { instanceId, serviceId, hostId, port, action: 'add', reasons: [] };
    return { instanceId, serviceId, hostId, port, ...changeOf(decision, running, instance) };
  });
  const gone = decision.previous.instances.filter(({ instanceId }) => !after.has(instanceId));
  return [
    ...wanted,
    ...gone.map(({ instanceId, serviceId, hostId, port }): InstanceChange => {
      return { instanceId, serviceId, hostId, port, action: 'remove', reasons: [] };
    }),
  ];
}

function changeOf(
  decision: InstanceDecision,
  running: ChangeInstance,
  wanted: ChangeInstance,
): Pick<InstanceChange, 'action' | 'reasons'> {
  const previous = serviceOf(decision.previous.spec, wanted.serviceId);
  const next = serviceOf(decision.next.spec, wanted.serviceId);
  // A record without a service in the earlier specification is left from a task that was cut off.
  if (previous === undefined || next === undefined) return { action: 'replace', reasons: ['service'] };
  const fixed = [...memberChanges(previous, next), ...placeChanges(running, wanted)];
  const keys = changedKeys(decision, previous, next);
  const reloadable = findVersion(running.version ?? '')?.reloadableKeys ?? new Set<string>();
  const reasons = [...fixed, ...keys];
  if (decision.force) return { action: 'replace', reasons: ['force_update', ...reasons] };
  if (fixed.length > 0 || keys.some((key) => !reloadable.has(key) && key !== PASSWORD)) {
    return { action: 'replace', reasons };
  }
  return { action: reasons.length > 0 ? 'reload' : 'keep', reasons };
}

/** The password is in a file of its own, which libpq reads at each new connection. */
const PASSWORD = 'password';

function serviceOf(spec: ResolvedSpec, serviceId: string): ResolvedService | undefined {
  return spec.services.find((service) => service.serviceId === serviceId);
}

/** Keys of postgrest.conf, and the password, that change. */
function changedKeys(decision: InstanceDecision, previous: ResolvedService, next: ResolvedService): string[] {
  const [from, to] = [settingKeys(previous.settings), settingKeys(next.settings)];
  const keys = [...new Set([...from.keys(), ...to.keys()])].filter((key) => from.get(key) !== to.get(key));
  return [
    ...keys,
    ...(decision.jwtSecrets.has(next.serviceId) ? ['jwt-secret'] : []),
    ...(decision.passwords.has(next.connectAs) ? [PASSWORD] : []),
  ];
}

/** Members of a service that a running process cannot take over, each with the text that decides whether it changed. */
const MEMBERS: readonly [name: string, of: (service: ResolvedService) => unknown][] = [
  ['version', ({ version }) => version],
  ['image', ({ image }) => image],
  ['connect_as', ({ connectAs }) => connectAs],
  ['cpus', ({ cpus }) => cpus],
  ['memory', ({ memoryBytes }) => memoryBytes],
  ['extra_labels', ({ labels }) => Object.entries(labels).sort()],
  ['target_nodes', ({ targetNodes }) => targetNodes],
  ['target_session_attrs', ({ targetSessionAttributes }) => targetSessionAttributes],
];

function memberChanges(previous: ResolvedService, next: ResolvedService): string[] {
  return MEMBERS.flatMap(([name, of]) => (JSON.stringify(of(previous)) === JSON.stringify(of(next)) ? [] : [name]));
}

function placeChanges(running: ChangeInstance, wanted: ChangeInstance): string[] {
  return [
    ...(running.port === wanted.port ? [] : ['port']),
    ...(running.published === wanted.published ? [] : ['published']),
  ];
}
