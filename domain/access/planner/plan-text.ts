import { maskedSql, type Plan, type PlanStep } from '../plan.ts';
import { serverVersion } from '../roles/context.ts';

/** A plan for people: the same plan gives the same text. No secret is in it. */
export function renderPlanText(plan: Plan): string {
  const changes = plan.steps.reduce((sum, step) => sum + step.changes, 0);
  const sections = [
    [
      `Server ${plan.server} (${serverVersion(plan.versionNum)})`,
      plan.steps.length === 0 ? 'No changes.' : `${changes} ${changes === 1 ? 'change' : 'changes'}.`,
    ],
    section('Refused: nothing of this plan will be applied', plan.refusals.flatMap(refusalLines)),
    ...databasesOf(plan.steps).map((database) =>
      section(
        database === null ? 'Server-wide' : `Database ${database}`,
        plan.steps.filter((step) => step.database === database).flatMap(stepLines),
      ),
    ),
    section(
      'Access gained',
      plan.impact.gained.map(({ sentence }) => bullet(sentence)),
    ),
    section(
      'Access lost',
      plan.impact.lost.map(({ sentence }) => bullet(sentence)),
    ),
    section(
      'Open sessions of those concerned, which keep what they hold until they end',
      (plan.impact.sessions ?? []).map(({ role, sessions }) => bullet(`${role}: ${sessions}`)),
    ),
    section('Notes', plan.notes.map(bullet)),
    [`Plan ${plan.hash}`],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines];
}

function databasesOf(steps: readonly PlanStep[]): (string | null)[] {
  return [...new Set(steps.map(({ database }) => database))];
}

function refusalLines({ path, message, remedy }: Plan['refusals'][number]): string[] {
  const reason = bullet(path === '' ? message : `${path}: ${message}`);
  return remedy === undefined ? [reason] : [reason, `    whoever may can give it with: ${remedy};`];
}

function stepLines(step: PlanStep): string[] {
  return [bullet(step.summary), ...step.statements.map((statement) => indented(`${maskedSql(statement)};`))];
}

function bullet(text: string): string {
  return `  - ${text}`;
}

function indented(sql: string): string {
  return sql.replaceAll(/^/gm, '      ');
}
