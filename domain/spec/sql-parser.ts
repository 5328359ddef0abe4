import type { ParsedStatement, ParseSql } from './scripts.ts';

/**
 * PostgreSQL's own parser, compiled to WebAssembly. Loaded on demand, because loading takes a while and only the
 * process that accepts requests needs it.
 */
export async function loadSqlParser(): Promise<ParseSql> {
  const { loadModule, parseSync, hasSqlDetails } = await import('libpg-query');
  await loadModule();
  return (sql) => {
    try {
      // The parser refuses the empty text with an error of its own.
      const tree = sql === '' ? {} : parseSync(sql);
      return {
        statements: (tree.stmts ?? []).flatMap(({ stmt }) => (stmt === undefined ? [] : [parsedStatement(stmt)])),
      };
    } catch (err) {
      if (!hasSqlDetails(err)) throw err;
      return { error: { message: err.message, offset: err.sqlDetails?.cursorPosition ?? 0 } };
    }
  };
}

/** A node of the parse tree is an object with one member: its kind. */
function parsedStatement(node: object): ParsedStatement {
  const [kind = '', fields = {}] = Object.entries(node)[0] ?? [];
  return { kind, fields };
}
