import type { RevokeMembership } from '../changes.ts';
import type { ObservedMembership } from '../observed.ts';

/** Options of a membership. */
export interface MembershipOptions {
  admin: boolean;
  inherit: boolean;
  set: boolean;
}

export const OPTION_NAMES = ['admin', 'inherit', 'set'] as const satisfies (keyof MembershipOptions)[];

/** Options that at least one of the rows has; undefined without rows. */
export function unionOf(rows: readonly MembershipOptions[]): MembershipOptions | undefined {
  if (rows.length === 0) return undefined;
  const union = { admin: false, inherit: false, set: false };
  for (const { admin, inherit, set } of rows) {
    union.admin ||= admin;
    union.inherit ||= inherit;
    union.set ||= set;
  }
  return union;
}

/**
 * The rows of pg_auth_members of one role as they change under GRANT and REVOKE (AddRoleMems and DelRoleMems in
 * src/backend/commands/user.c). Per grantor (16+) a row is that of member and grantor, and what a member granted by its ADMIN
 * OPTION ends with it; before, a member has one row, and the grantor is a remark.
 */
export class RoleMembers {
  readonly #perGrantor: boolean;
  readonly #byMember = new Map<string, Map<string, ObservedMembership>>();
  /** Members that each grantor granted to. */
  readonly #grantedTo = new Map<string, Set<string>>();

  constructor(rows: Iterable<ObservedMembership>, perGrantor: boolean) {
    this.#perGrantor = perGrantor;
    for (const row of rows) this.#put(row);
  }

  /** All rows, by member in the order in which they came. */
  rows(): ObservedMembership[] {
    return [...this.#byMember.values()].flatMap((rows) => [...rows.values()]);
  }

  /** Rows of one member. */
  of(member: string): ObservedMembership[] {
    return [...(this.#byMember.get(member)?.values() ?? [])];
  }

  /** The row of a grantor; before 16 the member's only one. */
  row(member: string, grantor: string): ObservedMembership | undefined {
    return this.#byMember.get(member)?.get(this.#rowKey(grantor));
  }

  /** Whether the member has ADMIN OPTION in a row of its own. */
  isAdmin(member: string): boolean {
    return this.of(member).some(({ admin }) => admin);
  }

  /** Whether somebody has the membership from this grantor. */
  hasGranted(grantor: string): boolean {
    return this.#perGrantor && (this.#grantedTo.get(grantor)?.size ?? 0) > 0;
  }

  /** GRANT with all options; before 16 a repeated one can only add ADMIN, and then it becomes the last grantor's. */
  grant(row: ObservedMembership): void {
    const existing = this.row(row.member, row.grantor);
    if (!this.#perGrantor && existing !== undefined && (existing.admin || !row.admin)) return;
    this.#put(row);
  }

  /** REVOKE, which does nothing where there is no such row. Returns whether there was. */
  revoke(member: string, grantor: string, options: RevokeMembership['options']): boolean {
    const row = this.row(member, grantor);
    if (row === undefined) return false;
    if (options === 'all') this.#remove(row);
    else {
      const without = Object.fromEntries(options.map((option) => [option, false]));
      this.#put({ ...row, ...without });
    }
    if (this.#perGrantor && row.admin && (options === 'all' || options.includes('admin'))) this.#cascade(member);
    return true;
  }

  /** Before 16 INHERIT of all rows follows the member's attribute. */
  setInherit(member: string, inherit: boolean): void {
    for (const row of this.of(member)) this.#put({ ...row, inherit });
  }

  /** What a member granted ends when it has lost its last ADMIN OPTION (plan_recursive_revoke). */
  #cascade(grantor: string): void {
    if (this.isAdmin(grantor)) return;
    for (const member of [...(this.#grantedTo.get(grantor) ?? [])]) this.revoke(member, grantor, 'all');
  }

  #rowKey(grantor: string): string {
    return this.#perGrantor ? grantor : '';
  }

  #put(row: ObservedMembership): void {
    const rows = this.#byMember.get(row.member) ?? new Map<string, ObservedMembership>();
    this.#byMember.set(row.member, rows.set(this.#rowKey(row.grantor), row));
    const granted = this.#grantedTo.get(row.grantor) ?? new Set<string>();
    this.#grantedTo.set(row.grantor, granted.add(row.member));
  }

  #remove(row: ObservedMembership): void {
    const rows = this.#byMember.get(row.member);
    rows?.delete(this.#rowKey(row.grantor));
    if (rows?.size === 0) this.#byMember.delete(row.member);
    this.#grantedTo.get(row.grantor)?.delete(row.member);
  }
}
