import { Failure } from '../../../../../domain/failures.ts';
import { renderIssuerMarker } from '../../../../../domain/marker.ts';
import { ACT_AS_MYSELF, actAs } from '../../../../../domain/sql/drop-role.ts';
import { createIssuer, type LeaseLook, letGive } from '../../../../../domain/sql/leases.ts';
import { quoteIdentifier } from '../../../../../domain/sql/quote.ts';
import type { ControlDeps } from '../../../deps.ts';
import type { Share } from '../share-transaction.ts';

/** From 16 on a role that is no superuser pays for each role that it has made with everything that it does to roles. */
export const MEMBER_OF_ITS_OWN = 160_000;

/** Whether logins are made by one of our own roles instead of the admin role. */
export function needsIssuer({ facts }: Share): boolean {
  return !facts.admin.superuser && facts.versionNum >= MEMBER_OF_ITS_OWN;
}

/** Makes the role that makes these logins, and lets it give their groups, where that has not been done. */
export async function ensureIssuer(
  deps: Pick<ControlDeps, 'installationId'>,
  share: Share,
  of: { issuer: string; making: readonly { groups: readonly string[] }[]; look: LeaseLook },
): Promise<void> {
  const { issuer, look } = of;
  const comment = renderIssuerMarker(deps.installationId);
  const there = look.issuers.find(({ name }) => name === issuer);
  if (there !== undefined && there.comment !== comment) {
    throw new Failure('NameConflict', `role "${issuer}" exists and was not made to issue leases; rename or drop it`);
  }
  const groups = [...new Set(of.making.flatMap((acting) => acting.groups))];
  const lacking = groups.filter((name) => !look.groups.find((group) => group.name === name)?.givers.includes(issuer));
  const { admin } = share.facts;
  const statements = [
    ...(there === undefined ? [createIssuer({ name: issuer, admin: admin.name, comment })] : []),
    ...lacking.toSorted().map((group) => letGive(group, issuer)),
  ];
  if (statements.length === 0) return;
  try {
    await share.client.query(statements.join(';\n'));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === '42501')) throw error;
    const remedy = lacking.map(
      (group) => `GRANT ${quoteIdentifier(group)} TO ${quoteIdentifier(admin.name)} WITH ADMIN OPTION`,
    );
    throw new Failure(
      'NotAllowed',
      `role "${admin.name}" may not give ${lacking.map((group) => `"${group}"`).join(', ')} to others; run as a superuser: ${remedy.join('; ')}`,
      { cause: error },
    );
  }
}

/** Statements as the role that made what they are about. */
export function asIssuer(issuer: string | undefined, statements: readonly string[]): string[] {
  return issuer === undefined ? [...statements] : [actAs(issuer), ...statements, ACT_AS_MYSELF];
}
