import type { Queryable } from './connection.ts';

/** What leases may be asked for by its name. */
export interface LeaseTemplate {
  id: string;
  name: string;
  /** Null: every server with the labels. */
  serverName: string | null;
  labels: Record<string, string> | null;
  groupRoles: string[];
  ownerRole: string | null;
  defaultTtlSeconds: number;
  maxTtlSeconds: number;
  quota: number | null;
  /** Accounts of members that may use it; `*` for all. */
  accounts: string[];
  createdAt: Date;
  updatedAt: Date;
}

const COLUMNS = `id, name, server_name AS "serverName", labels, group_roles AS "groupRoles", owner_role AS "ownerRole",
  default_ttl_seconds AS "defaultTtlSeconds", max_ttl_seconds AS "maxTtlSeconds", quota, accounts,
  created_at AS "createdAt", updated_at AS "updatedAt"`;

type Stored = Omit<LeaseTemplate, 'createdAt' | 'updatedAt'>;

const valuesOf = (template: Stored): unknown[] => [
  template.id,
  template.name,
  template.serverName,
  template.labels === null ? null : JSON.stringify(template.labels),
  template.groupRoles,
  template.ownerRole,
  template.defaultTtlSeconds,
  template.maxTtlSeconds,
  template.quota,
  template.accounts,
];

/** @returns undefined when the name is taken */
export async function insertTemplate(tx: Queryable, template: Stored): Promise<LeaseTemplate | undefined> {
  const { rows } = await tx.query<LeaseTemplate>(
    `INSERT INTO lease_templates (id, name, server_name, labels, group_roles, owner_role, default_ttl_seconds, max_ttl_seconds,
       quota, accounts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (name) DO NOTHING RETURNING ${COLUMNS}`,
    valuesOf(template),
  );
  return rows[0];
}

export async function lockTemplate(tx: Queryable, id: string): Promise<LeaseTemplate | undefined> {
  const { rows } = await tx.query<LeaseTemplate>(`SELECT ${COLUMNS} FROM lease_templates WHERE id = $1 FOR UPDATE`, [
    id,
  ]);
  return rows[0];
}

export async function updateTemplate(tx: Queryable, template: Stored): Promise<LeaseTemplate | undefined> {
  const { rows } = await tx.query<LeaseTemplate>(
    `UPDATE lease_templates SET name = $2, server_name = $3, labels = $4, group_roles = $5, owner_role = $6,
       default_ttl_seconds = $7, max_ttl_seconds = $8, quota = $9, accounts = $10, updated_at = now()
     WHERE id = $1 AND NOT EXISTS (SELECT FROM lease_templates o WHERE o.name = $2 AND o.id <> $1) RETURNING ${COLUMNS}`,
    valuesOf(template),
  );
  return rows[0];
}

/** Leases that were given by it stay as they are. */
export async function deleteTemplate(tx: Queryable, id: string): Promise<void> {
  await tx.query('DELETE FROM lease_templates WHERE id = $1', [id]);
}

export async function findTemplate(
  db: Queryable,
  by: { id: string } | { name: string },
): Promise<LeaseTemplate | undefined> {
  const [column, value] = 'id' in by ? ['id', by.id] : ['name', by.name];
  const { rows } = await db.query<LeaseTemplate>(`SELECT ${COLUMNS} FROM lease_templates WHERE ${column} = $1`, [
    value,
  ]);
  return rows[0];
}

/** All of them, by name: an administrator makes them by hand. */
export async function listTemplates(db: Queryable): Promise<LeaseTemplate[]> {
  const { rows } = await db.query<LeaseTemplate>(`SELECT ${COLUMNS} FROM lease_templates ORDER BY name`);
  return rows;
}
