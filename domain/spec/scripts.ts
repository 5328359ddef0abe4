/** Statements of `scripts`: each list runs as one transaction, so what cannot run in one is refused beforehand. */

/** One parsed statement: the kind of PostgreSQL's parse tree node, such as `VacuumStmt`, and its fields. */
export interface ParsedStatement {
  kind: string;
  fields: Readonly<Record<string, unknown>>;
}

/** Parses SQL text. A failure is PostgreSQL's message with the offset of the character it is about (from 0). */
export type ParseSql = (
  sql: string,
) => { statements: ParsedStatement[] } | { error: { message: string; offset: number } };

/** Why a statement is refused; undefined when it is not. */
type Refusal = (fields: ParsedStatement['fields']) => string | undefined;

const IN_TRANSACTION = 'cannot run inside a transaction block';
const TRANSACTION_CONTROL = 'transaction control is not possible: each list of statements runs as one transaction';
const SUBSCRIPTIONS = `subscriptions are not supported: they ${IN_TRANSACTION}, and hold a password`;
const PASSWORD = 'must not set a password: statements are stored and shown; name the role in database_users instead';

const REFUSALS: ReadonlyMap<string, Refusal> = new Map<string, Refusal>([
  ['TransactionStmt', () => TRANSACTION_CONTROL],
  ['VacuumStmt', ({ is_vacuumcmd: vacuum }) => refuseIf(vacuum === true, `VACUUM ${IN_TRANSACTION}`)],
  ['CreatedbStmt', () => `CREATE DATABASE ${IN_TRANSACTION}`],
  ['DropdbStmt', () => `DROP DATABASE ${IN_TRANSACTION}`],
  [
    'AlterDatabaseStmt',
    (fields) => refuseIf(hasOption(fields, 'options', 'tablespace'), `ALTER DATABASE SET TABLESPACE ${IN_TRANSACTION}`),
  ],
  ['CreateTableSpaceStmt', () => `CREATE TABLESPACE ${IN_TRANSACTION}`],
  ['DropTableSpaceStmt', () => `DROP TABLESPACE ${IN_TRANSACTION}`],
  ['AlterSystemStmt', () => `ALTER SYSTEM ${IN_TRANSACTION}`],
  ['IndexStmt', ({ concurrent }) => refuseIf(concurrent === true, `CREATE INDEX CONCURRENTLY ${IN_TRANSACTION}`)],
  ['DropStmt', ({ concurrent }) => refuseIf(concurrent === true, `DROP INDEX CONCURRENTLY ${IN_TRANSACTION}`)],
  ['ReindexStmt', reindexProblem],
  [
    'AlterTableStmt',
    (fields) => refuseIf(detachesConcurrently(fields), `DETACH PARTITION CONCURRENTLY ${IN_TRANSACTION}`),
  ],
  ['ClusterStmt', ({ relation }) => refuseIf(relation === undefined, `CLUSTER without a table ${IN_TRANSACTION}`)],
  ['DiscardStmt', ({ target }) => refuseIf(target === 'DISCARD_ALL', `DISCARD ALL ${IN_TRANSACTION}`)],
  ['CreateSubscriptionStmt', () => SUBSCRIPTIONS],
  ['AlterSubscriptionStmt', () => SUBSCRIPTIONS],
  ['DropSubscriptionStmt', () => SUBSCRIPTIONS],
  [
    'CopyStmt',
    ({ filename }) => refuseIf(filename === undefined, 'COPY from STDIN or to STDOUT has no client to talk to'),
  ],
  ['ListenStmt', () => 'LISTEN has no effect: the session ends with the script'],
  ['CreateRoleStmt', (fields) => refuseIf(hasOption(fields, 'options', 'password'), PASSWORD)],
  ['AlterRoleStmt', (fields) => refuseIf(hasOption(fields, 'options', 'password'), PASSWORD)],
  ['CreateUserMappingStmt', (fields) => refuseIf(hasOption(fields, 'options', 'password'), PASSWORD)],
  ['AlterUserMappingStmt', (fields) => refuseIf(hasOption(fields, 'options', 'password'), PASSWORD)],
]);

/** Why `statement` cannot be an element of a script; undefined when it can. */
export function statementProblem(statement: string, parseSql: ParseSql): string | undefined {
  // The parser stops at NUL, the server does not see one: they would read different statements.
  if (/\0|\p{Cs}/u.test(statement)) return 'must be valid Unicode text without NUL';
  const parsed = parseSql(statement);
  if ('error' in parsed) return syntaxProblem(parsed.error);
  const [first, ...rest] = parsed.statements;
  if (first === undefined) return 'contains no statement';
  if (rest.length > 0) return `must be one statement, got ${parsed.statements.length}`;
  return REFUSALS.get(first.kind)?.(first.fields);
}

/** The parser's words without the pieces of text that it repeats, one of which may be a password. */
function syntaxProblem({ message, offset }: { message: string; offset: number }): string {
  const reason = message.replace(/ at or near ".*$/s, '').replace(/ ?".*"/s, '');
  return reason.endsWith('at end of input') ? reason : `${reason} at character ${offset + 1}`;
}

function reindexProblem(fields: ParsedStatement['fields']): string | undefined {
  const several = fields.kind !== 'REINDEX_OBJECT_TABLE' && fields.kind !== 'REINDEX_OBJECT_INDEX';
  if (several) return `REINDEX of a schema or database ${IN_TRANSACTION}`;
  return refuseIf(hasOption(fields, 'params', 'concurrently'), `REINDEX CONCURRENTLY ${IN_TRANSACTION}`);
}

function refuseIf(condition: boolean, message: string): string | undefined {
  return condition ? message : undefined;
}

/** True when the list `member` has an element `DefElem` of that name that is not switched off or set to NULL. */
function hasOption(fields: ParsedStatement['fields'], member: string, name: string): boolean {
  return listIn(fields, member).some((element) => {
    const option = recordIn(element, 'DefElem');
    if (recordText(option, 'defname').toLowerCase() !== name) return false;
    const argument = recordIn(option, 'arg');
    if (name === 'password') return Object.keys(argument).length > 0;
    return recordText(recordIn(argument, 'String'), 'sval').toLowerCase() !== 'false';
  });
}

function detachesConcurrently(fields: ParsedStatement['fields']): boolean {
  return listIn(fields, 'cmds').some((element) => {
    const definition = recordIn(recordIn(element, 'AlterTableCmd'), 'def');
    return recordIn(definition, 'PartitionCmd').concurrent === true;
  });
}

function listIn(record: Readonly<Record<string, unknown>>, member: string): unknown[] {
  const value = record[member];
  return Array.isArray(value) ? value : [];
}

function recordIn(value: unknown, member: string): Readonly<Record<string, unknown>> {
  const record =
    typeof value === 'object' && value !== null
      ? Object.entries(value).find(([name]) => name === member)?.[1]
      : undefined;
  return typeof record === 'object' && record !== null ? { ...record } : {};
}

function recordText(record: Readonly<Record<string, unknown>>, member: string): string {
  const value = record[member];
  return typeof value === 'string' ? value : '';
}
