import type pg from 'pg';
import type { PlannedStatement, PlanStep } from '../../../domain/access/plan.ts';
import { Failure } from '../../../domain/failures.ts';
import { quoteLiteral } from '../../../domain/sql/quote.ts';
import { toFailure } from '../../../platform/target/errors.ts';
import type { PasswordLiterals } from './verifiers.ts';

/**
 * Keeps statements out of the server's log for one transaction, verifiers with them. Only a superuser may (trap 35): for others
 * the verifier, never the password, is in the log of a server that logs every statement.
 */
const QUIET_SQL = `; SET LOCAL log_statement = 'none'; SET LOCAL log_min_duration_statement = -1;
 SET LOCAL log_min_error_statement = 'panic'; SET LOCAL log_duration = off`;

/** Opens a transaction for the steps of a plan: a message of its own, for the server logs a message before it runs it. */
export function beginSql(admin: { superuser: boolean }): string {
  return `BEGIN${admin.superuser ? QUIET_SQL : ''}`;
}

/** Whether a statement sets a password. */
export function holdsVerifiers(steps: readonly PlanStep[]): boolean {
  return steps.some(({ statements }) => statements.some(({ verifierOf }) => verifierOf !== undefined));
}

/** The SQL of a step, verifiers in place. Holds secrets. */
function stepSql(step: PlanStep, literals: PasswordLiterals): string {
  return step.statements.map((statement) => statementSql(statement, literals)).join(';\n');
}

function statementSql(statement: PlannedStatement, literals: PasswordLiterals): string {
  if (statement.verifierOf === undefined) return statement.sql;
  const literal = literals.get(statement.verifierOf);
  if (literal === undefined) throw new Error(`no verifier was made for role ${statement.verifierOf}`);
  return `${statement.sql}${quoteLiteral(literal)}${statement.after ?? ''}`;
}

/**
 * Runs steps in the transaction that is open, one message to the server for each.
 * @returns warnings of the server: a GRANT that did nothing, or less than it says, is no more than that
 * @throws Failure naming the step
 */
export function runSteps(
  client: pg.ClientBase,
  steps: readonly PlanStep[],
  literals: PasswordLiterals,
): Promise<string[]> {
  return hearingWarnings(client, async () => {
    for (const step of steps) {
      try {
        await client.query(stepSql(step, literals));
      } catch (error) {
        const where = step.database === null ? '' : ` in database "${step.database}"`;
        throw toFailure(error, `to ${step.summary}${where}`);
      }
    }
  });
}

/**
 * The same in one message for all: one round trip.
 * @param first comes before them
 * @throws the server's error, which does not tell the step
 */
export function runAtOnce(
  client: pg.ClientBase,
  steps: readonly PlanStep[],
  literals: PasswordLiterals,
  first: readonly string[] = [],
): Promise<string[]> {
  return hearingWarnings(client, async () => {
    const parts = [...first, ...steps.map((step) => stepSql(step, literals))];
    if (parts.length > 0) await client.query(parts.join(';\n'));
  });
}

/** @returns what the server said meanwhile that was no error */
export async function hearingWarnings(client: pg.ClientBase, work: () => Promise<unknown>): Promise<string[]> {
  const warnings: string[] = [];
  const listen = (notice: { message?: string | undefined }) => void warnings.push(notice.message ?? '');
  client.on('notice', listen);
  try {
    await work();
    return warnings;
  } finally {
    client.off('notice', listen);
  }
}

/** The failure of a transaction whose second look differs from what was asked. */
export function notAsPlanned(remaining: readonly PlanStep[], warnings: readonly string[]): Failure {
  const left = remaining.map(({ database, summary }) => (database === null ? summary : `${database}: ${summary}`));
  const said = warnings.length === 0 ? '' : `; the server warned: ${[...new Set(warnings)].join('; ')}`;
  return new Failure(
    'VerificationFailed',
    `the statements ran, and still this is to be done: ${left.join('; ')}${said}; the transaction was rolled back`,
  );
}
