import { locally } from './proxies.ts';

/** Chains what was added to the audit log. Run by a schedule, one at a time, and at start-up. */
export function sealAudit(): Promise<{ sealed: number }> {
  return locally('seal what is new in the audit log').sealAudit({});
}
