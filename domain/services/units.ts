/**
 * A unit is one generation of an instance: its container or process and its directory of files. An instance has two
 * slots for units, so that a successor can be made, checked and started while its predecessor is still there.
 *
 * The unit in the first slot has the id of its instance; the one in the second slot cannot be taken for an instance,
 * because identifiers never have a double hyphen.
 */
const SECOND_SLOT = '--b';

/** What a unit id looks like; it becomes part of paths and container names. */
export const UNIT_PATTERN = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:--b)?$/;

/** Both units that an instance can have: the first slot, which a new instance uses, and the second. */
export function unitsOf(instanceId: string): readonly [first: string, second: string] {
  return [instanceId, instanceId + SECOND_SLOT];
}

/** The unit in the slot that `unit` does not use. */
export function otherUnit({ instanceId, unit }: { instanceId: string; unit: string }): string {
  const [first, second] = unitsOf(instanceId);
  return unit === first ? second : first;
}
