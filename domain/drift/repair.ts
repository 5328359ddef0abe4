import type { SubmittedDocument } from '../access/document/schema.ts';
import { ALLOWANCES } from '../access/document.ts';
import type { DriftFinding, Repair, SubmittedDatabase, SubmittedRole } from './finding.ts';

/** A finding that something repairs. */
export type Repairable = DriftFinding & { repair: Repair };

export function isRepairable(finding: DriftFinding): finding is Repairable {
  return !('none' in finding.repair);
}

/** What a repair may do beyond the ordinary: it gives back what was allowed before. Dependent grants of others are never cascaded to. */
const ALLOWED = ALLOWANCES.filter((allowance) => allowance !== 'cascade');

/** One document that takes back these differences and does nothing else. @returns it with the roles whose password is set again */
export function repairDocument(findings: readonly Repairable[]): {
  document: SubmittedDocument;
  passwordsOf: string[];
} {
  const roles = new Map<string, SubmittedRole>();
  const databases = new Map<string, SubmittedDatabase>();
  const document: SubmittedDocument = { allow: [...ALLOWED], roles: [], memberships: [], settings: [], databases: [] };
  const passwordsOf: string[] = [];
  for (const { repair } of findings) {
    if ('role' in repair) roles.set(repair.role.name, { ...roles.get(repair.role.name), ...repair.role });
    else if ('membership' in repair) document.memberships?.push(repair.membership);
    else if ('setting' in repair) document.settings?.push(repair.setting);
    else if ('database' in repair)
      databases.set(repair.database.name, joined(databases.get(repair.database.name), repair.database));
    else {
      const { passwordOf: name } = repair;
      passwordsOf.push(name);
      roles.set(name, { ...roles.get(name), name, adopt: true });
    }
  }
  return { document: { ...document, roles: [...roles.values()], databases: [...databases.values()] }, passwordsOf };
}

function joined(known: SubmittedDatabase | undefined, more: SubmittedDatabase): SubmittedDatabase {
  if (known === undefined) return more;
  const lists = ['grants', 'revokes', 'default_privileges', 'owners'] as const;
  const all: Record<string, unknown> = { ...known, ...more };
  for (const list of lists) {
    const entries = [...(known[list] ?? []), ...(more[list] ?? [])];
    if (entries.length > 0) all[list] = entries;
  }
  return all as SubmittedDatabase;
}
