import type { Context } from './context.ts';

/** Prints an answer: as JSON where that was asked for, or else as `text` has it. */
export function print(context: Context, answer: unknown, text: () => string): void {
  context.terminal.out(context.json ? `${JSON.stringify(answer, null, 2)}\n` : ended(text()));
}

function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

/** A column: its title, and what a row has in it; nothing is shown as `-`. */
export type Columns<Row> = Readonly<Record<string, (row: Row) => string | number | boolean | null | undefined>>;

/** Rows below titles. */
export function table<Row>(rows: readonly Row[], columns: Columns<Row>): string {
  const titles = Object.keys(columns);
  const cells = rows.map((row) => Object.values(columns).map((cell) => oneLine(cell(row))));
  const widths = titles.map((title, index) => Math.max(title.length, ...cells.map((line) => line[index]?.length ?? 0)));
  const lineOf = (line: readonly string[]) =>
    line
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  return [titles, ...cells].map(lineOf).join('\n');
}

/** Names and values below each other; what is not there is left out. */
export function facts(values: Readonly<Record<string, string | number | boolean | null | undefined>>): string {
  const known = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const width = Math.max(0, ...known.map(([name]) => name.length));
  return known.map(([name, value]) => `${name.padEnd(width)}  ${oneLine(value)}`).join('\n');
}

/** Names on servers may hold anything, and a terminal obeys control characters. */
export function oneLine(value: string | number | boolean | null | undefined): string {
  const text = value === undefined || value === null || value === '' ? '-' : String(value);
  return visible(text).replaceAll('\n', ' ');
}

/** The text with control characters written out, but for the ends of lines. */
export function visible(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n]/gu, (character) => JSON.stringify(character).slice(1, -1));
}
