import type { OptionValue } from './options/option.ts';
import { OPTIONS, type OptionName } from './options.ts';

/** Values of those options that are set. */
export type OptionValues = { [Name in OptionName]?: OptionValue<(typeof OPTIONS)[Name]> };

/** Parses each variable for itself. A problem reads `<variable>: <what it must be>`, and never quotes the value. */
export function parseOptions(env: NodeJS.ProcessEnv): { values: OptionValues; problems: string[] } {
  const values: OptionValues = {};
  const problems: string[] = [];
  for (const [name, { schema }] of Object.entries(OPTIONS)) {
    const text = env[name]?.trim() ?? '';
    if (text === '') {
      continue;
    }
    const result = schema.safeParse(text);
    if (result.success) {
      Object.assign(values, { [name]: result.data });
    } else {
      const messages = new Set(result.error.issues.map((issue) => issue.message));
      problems.push(...[...messages].map((message) => `${name}: ${message}`));
    }
  }
  return { values, problems };
}
