import { OPTIONS } from './options.ts';

/** One row of the table in docs/configuration.md. */
export interface ConfigRow {
  name: string;
  /** Markdown. */
  default: string;
  /** Markdown. */
  meaning: string;
}

/** What documentation says about every environment variable, in its order. */
export function describeConfig(): ConfigRow[] {
  return Object.entries(OPTIONS).map(([name, row]) => ({ name, default: row.default, meaning: row.meaning }));
}
