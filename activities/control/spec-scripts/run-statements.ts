import pg from 'pg';
import { Failure } from '../../../domain/failures.ts';
import { failureTypeOf } from '../../../platform/target/errors.ts';

/**
 * Longest single statement of a script: filling a first table may take a while. Below the step's start-to-close time, so
 * that the server gives up before Temporal repeats the step.
 */
export const SCRIPT_STATEMENT_TIMEOUT_MS = 240_000;

/**
 * Runs the statements of a script one by one in the current transaction.
 * @throws ScriptFailed naming the statement by its path; contention and lost connections keep their own retryable type
 */
export async function runStatements(client: pg.ClientBase, list: string, statements: readonly string[]): Promise<void> {
  for (const [index, statement] of statements.entries()) {
    try {
      await client.query(statement);
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error;
      const type = failureTypeOf(error);
      if (type === 'Contention' || type === 'ServerUnavailable') throw error;
      throw new Failure(
        'ScriptFailed',
        `scripts.${list}[${index}]: ${sayable(error)} (SQLSTATE ${error.code ?? 'unknown'})`,
        {
          details: { sqlstate: error.code ?? '', statement: index },
        },
      );
    }
  }
}

/** Data exceptions (22) and syntax errors quote values and text of the statement, which may hold a secret. */
function sayable(error: pg.DatabaseError): string {
  return /^(22|42601)/.test(error.code ?? '') ? 'the statement was refused' : error.message;
}
