/** Attributes of roles that a specification may ask for. Anything else would be SQL of the caller's choice. */
const ATTRIBUTES = ['SUPERUSER', 'CREATEDB', 'CREATEROLE', 'INHERIT', 'LOGIN', 'REPLICATION', 'BYPASSRLS'] as const;

type AttributeName = (typeof ATTRIBUTES)[number];
/** Keyword as ALTER ROLE takes it, such as `LOGIN` or `NOLOGIN`. */
export type RoleAttribute = AttributeName | `NO${AttributeName}`;

/** Attributes that reach beyond the database: on a shared server only an admin may give them (R1). */
const PRIVILEGED: ReadonlySet<RoleAttribute> = new Set([
  'SUPERUSER',
  'CREATEDB',
  'CREATEROLE',
  'REPLICATION',
  'BYPASSRLS',
] as const);

const KEYWORDS: ReadonlyMap<string, RoleAttribute> = new Map(
  ATTRIBUTES.flatMap((name): [string, RoleAttribute][] => [
    [name, name],
    [`NO${name}`, `NO${name}`],
  ]),
);

/** The keyword that `text` stands for in any case, or undefined when it is not one. */
export function parseRoleAttribute(text: string): RoleAttribute | undefined {
  // Only ASCII letters: upper-casing turns some others, such as the dotless i, into ASCII ones.
  return /^[A-Za-z]+$/.test(text) ? KEYWORDS.get(text.toUpperCase()) : undefined;
}

/** The keyword that takes back what `attribute` gives. */
export function oppositeAttribute(attribute: RoleAttribute): RoleAttribute | undefined {
  return KEYWORDS.get(attribute.startsWith('NO') ? attribute.slice(2) : `NO${attribute}`);
}

/** True when only an admin may ask for `attribute`. */
export function needsAdmin(attribute: RoleAttribute): boolean {
  return PRIVILEGED.has(attribute);
}
