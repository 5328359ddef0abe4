import type { z } from 'zod';
import type { planSchema } from '../../api/schemas/access.ts';
import { visible } from '../output.ts';
import { type Colour, coloured, type Terminal } from '../terminal.ts';

export type Plan = z.infer<typeof planSchema>;

interface Sign {
  sign: '+' | '-' | '~' | '!';
  colour: Colour;
}

const SIGNS = {
  more: { sign: '+', colour: 'green' },
  less: { sign: '-', colour: 'red' },
  other: { sign: '~', colour: 'yellow' },
  refused: { sign: '!', colour: 'red' },
} as const satisfies Record<string, Sign>;

/** What a step does to the server, by the first word of its action. */
const BY_WORD: ReadonlyMap<string, Sign> = new Map<string, Sign>([
  ['create', SIGNS.more],
  ['grant', SIGNS.more],
  ['revoke', SIGNS.less],
  ['drop', SIGNS.less],
]);

/** A plan as a difference: `+` is added, `-` is taken away, `~` is changed, `!` is refused. */
export function planText(plan: Plan, options: { sql: boolean }, terminal: Pick<Terminal, 'colours'>): string {
  const line = ({ sign, colour }: Sign, text: string) => coloured(terminal, colour, `  ${sign} ${visible(text)}`);
  const title = (text: string) => coloured(terminal, 'bold', text);
  const section = (name: string, lines: readonly string[]) => (lines.length === 0 ? [] : [[title(name), ...lines]]);
  const databases = [...new Set(plan.steps.map(({ database }) => database))];
  const stepLines = ({ action, summary, sql }: Plan['steps'][number]) => [
    line(BY_WORD.get(action.split(' ')[0] ?? '') ?? SIGNS.other, summary),
    ...(options.sql ? sql.map((statement) => coloured(terminal, 'dim', indented(visible(statement)))) : []),
  ];
  const refusals = plan.refusals.flatMap(({ path, message, remedy }) => [
    line(SIGNS.refused, path === '' ? message : `${path}: ${message}`),
    ...(remedy === undefined ? [] : [indented(`${visible(remedy)};`)]),
  ]);
  const { gained, lost, sessions } = plan.impact;
  const sections = [
    [title(headline(plan))],
    ...section('Refused: nothing of this plan will be applied', refusals),
    ...databases.flatMap((database) =>
      section(
        database === null ? 'Server-wide' : `Database ${database}`,
        plan.steps.filter((step) => step.database === database).flatMap(stepLines),
      ),
    ),
    ...section(
      'Access gained',
      gained.map(({ sentence }) => line(SIGNS.more, sentence)),
    ),
    ...section(
      'Access lost',
      lost.map(({ sentence }) => line(SIGNS.less, sentence)),
    ),
    ...section(
      'Open sessions of those concerned, which keep what they hold until they end',
      sessions.map(({ role, sessions: count }) => `    ${visible(role)}: ${count}`),
    ),
    ...section(
      'Notes',
      plan.notes.map((note) => `    ${visible(note)}`),
    ),
    [`Plan ${plan.hash}`],
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function headline({ server, steps, empty }: Plan): string {
  const changes = steps.reduce((sum, step) => sum + step.changes, 0);
  const count = `${changes} ${changes === 1 ? 'change' : 'changes'}`;
  return empty ? `Server ${server}: nothing to do` : `Server ${server}: ${count}`;
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '      ');
}
