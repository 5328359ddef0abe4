import type { DatabaseSpec } from '../domain/spec/types.ts';
import type { Queryable } from './connection.ts';

export type DatabaseState = 'creating' | 'modifying' | 'available' | 'deleting' | 'degraded' | 'failed';

/** A managed database as its row says. */
export interface DatabaseRecord {
  id: string;
  tenantId: string | null;
  databaseName: string;
  /** The accepted specification, without secrets, in the shape of the contract. */
  spec: DatabaseSpec;
  state: DatabaseState;
  error: string | null;
  epoch: number;
  /** Whether it was ever made: an update of one that was not makes it. */
  provisioned: boolean;
  createdAt: Date;
  updatedAt: Date;
}

const COLUMNS = `id, tenant_id AS "tenantId", database_name AS "databaseName", spec, state, error, epoch, provisioned,
  created_at AS "createdAt", updated_at AS "updatedAt"`;

/** @returns undefined when the id is taken. */
export async function insertDatabase(
  db: Queryable,
  input: { id: string; tenantId: string | undefined; databaseName: string; spec: DatabaseSpec },
): Promise<DatabaseRecord | undefined> {
  const { rows } = await db.query<DatabaseRecord>(
    `INSERT INTO databases (id, tenant_id, database_name, spec, state) VALUES ($1, $2, $3, $4, 'creating')
     ON CONFLICT (id) DO NOTHING RETURNING ${COLUMNS}`,
    [input.id, input.tenantId ?? null, input.databaseName, JSON.stringify(input.spec)],
  );
  return rows[0];
}

export async function findDatabase(db: Queryable, id: string): Promise<DatabaseRecord | undefined> {
  const { rows } = await db.query<DatabaseRecord>(`SELECT ${COLUMNS} FROM databases WHERE id = $1`, [id]);
  return rows[0];
}

/** The row, locked until the transaction ends. */
export async function lockDatabase(db: Queryable, id: string): Promise<DatabaseRecord | undefined> {
  const { rows } = await db.query<DatabaseRecord>(`SELECT ${COLUMNS} FROM databases WHERE id = $1 FOR UPDATE`, [id]);
  return rows[0];
}

/** What lists show of a database. */
export interface DatabaseSummary
  extends Pick<DatabaseRecord, 'id' | 'tenantId' | 'state' | 'error' | 'createdAt' | 'updatedAt'> {
  /** Nodes of the specification. */
  nodes: DatabaseSpec['nodes'];
}

/** Databases by id, all of them, those of `ids`, or a page; no specification is read. `afterId` is exclusive. */
export async function listDatabases(
  db: Queryable,
  page: { afterId?: string | undefined; limit?: number | undefined; ids?: readonly string[] | undefined } = {},
): Promise<DatabaseSummary[]> {
  const { rows } = await db.query<DatabaseSummary>(
    `SELECT id, tenant_id AS "tenantId", state, error, nodes, created_at AS "createdAt", updated_at AS "updatedAt"
     FROM databases WHERE ($1::text IS NULL OR id > $1) AND ($3::text[] IS NULL OR id = ANY ($3)) ORDER BY id LIMIT $2`,
    [page.afterId ?? null, page.limit ?? null, page.ids ?? null],
  );
  return rows;
}

/** Enters a new operation: sets the state and raises the epoch, so that steps of older tasks change nothing (R9). */
export async function beginOperation(
  db: Queryable,
  input: { id: string; state: DatabaseState },
): Promise<DatabaseRecord> {
  const { rows } = await db.query<DatabaseRecord>(
    `UPDATE databases SET state = $2, epoch = nextval('epochs'), error = NULL, updated_at = now() WHERE id = $1
     RETURNING ${COLUMNS}`,
    [input.id, input.state],
  );
  const row = rows[0];
  if (row === undefined) throw new Error(`database ${input.id} vanished under its lock`);
  return row;
}

/** Accepts an update: as {@link beginOperation}, with the specification that is to be. */
export async function beginUpdate(db: Queryable, input: { id: string; spec: DatabaseSpec }): Promise<DatabaseRecord> {
  await setDatabaseSpec(db, input);
  return beginOperation(db, { id: input.id, state: 'modifying' });
}

export async function setDatabaseSpec(db: Queryable, input: { id: string; spec: DatabaseSpec }): Promise<void> {
  await db.query('UPDATE databases SET spec = $2 WHERE id = $1', [input.id, JSON.stringify(input.spec)]);
}

/** Records that the database exists and is as its specification says. */
export async function setAvailable(db: Queryable, id: string): Promise<void> {
  await db.query(
    `UPDATE databases SET state = 'available', error = NULL, provisioned = true, updated_at = now() WHERE id = $1`,
    [id],
  );
}

export async function setDatabaseState(
  db: Queryable,
  input: { id: string; state: DatabaseState; error?: string },
): Promise<void> {
  await db.query('UPDATE databases SET state = $2, error = $3, updated_at = now() WHERE id = $1', [
    input.id,
    input.state,
    input.error ?? null,
  ]);
}

export async function deleteDatabaseRow(db: Queryable, id: string): Promise<void> {
  await db.query('DELETE FROM databases WHERE id = $1', [id]);
}

/** Node of a database and the server that holds it. */
export interface DatabaseServer {
  nodeName: string;
  serverName: string;
  databaseName: string;
}

/** Nodes of a database with their servers, by node. */
export async function listDatabaseServers(db: Queryable, databaseId: string): Promise<DatabaseServer[]> {
  const { rows } = await db.query<DatabaseServer>(
    `SELECT node_name AS "nodeName", server_name AS "serverName", database_name AS "databaseName"
     FROM database_servers WHERE database_id = $1 ORDER BY node_name`,
    [databaseId],
  );
  return rows;
}

/** Gives a database's name free on every server. */
export async function forgetDatabaseServers(db: Queryable, databaseId: string): Promise<void> {
  await db.query('DELETE FROM database_servers WHERE database_id = $1', [databaseId]);
}

/**
 * Takes the database's name on the servers of its nodes.
 * @returns the id of the database that holds the name already, where one does (R21).
 */
export async function reserveDatabaseName(
  db: Queryable,
  input: { databaseId: string; nodes: DatabaseServer[] },
): Promise<{ takenBy: string; serverName: string } | undefined> {
  const nodes = input.nodes;
  const inserted = await db.query(
    `INSERT INTO database_servers (database_id, node_name, server_name, database_name)
     SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[]) ON CONFLICT (server_name, database_name) DO NOTHING`,
    [
      input.databaseId,
      nodes.map((node) => node.nodeName),
      nodes.map((node) => node.serverName),
      nodes.map((node) => node.databaseName),
    ],
  );
  if (inserted.rowCount === nodes.length) return undefined;
  const { rows } = await db.query<{ takenBy: string; serverName: string }>(
    `SELECT database_id AS "takenBy", server_name AS "serverName" FROM database_servers
     WHERE database_name = $2 AND server_name = ANY ($3) ORDER BY (database_id = $1) LIMIT 1`,
    [input.databaseId, nodes[0]?.databaseName ?? '', nodes.map((node) => node.serverName)],
  );
  return rows[0] ?? { takenBy: input.databaseId, serverName: nodes[0]?.serverName ?? '' };
}
