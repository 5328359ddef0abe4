/**
 * Patterns for names, in the part of regular expression syntax that can be matched in time proportional to the name: an
 * administrator's pattern meets names that anybody may send. Literals, `.`, classes such as `[a-z0-9_]` and `[^-]`, `\d`, `\w`,
 * escaped punctuation, groups, `|`, `?`, `*`, `+`, `{2}`, `{2,}`, `{2,5}`. A pattern always stands for the whole name.
 */
import { compilePattern, type Instruction } from './name-pattern/compile.ts';
import { PatternProblem, parsePattern } from './name-pattern/parse.ts';

/** Longest pattern, in characters. */
export const PATTERN_MAX_LENGTH = 200;

/** A pattern that was found to be sound. */
export interface NamePattern {
  matches(name: string): boolean;
}

/** @returns the pattern, or why the text is none */
export function parseNamePattern(text: string): NamePattern | { problem: string } {
  if (text.length > PATTERN_MAX_LENGTH) return { problem: `must not exceed ${PATTERN_MAX_LENGTH} characters` };
  try {
    const program = compilePattern(parsePattern(text));
    return { matches: (name) => run(program, name) };
  } catch (error) {
    if (error instanceof PatternProblem) return { problem: error.message };
    throw error;
  }
}

/** Follows every way at once: each character costs at most one look at each instruction. */
function run(program: readonly Instruction[], name: string): boolean {
  let states = reach([0]);

  function reach(from: readonly number[]): Set<number> {
    const reached = new Set<number>();
    const open = [...from];
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      if (reached.has(state)) continue;
      reached.add(state);
      const instruction = program[state];
      if (instruction !== undefined && 'goTo' in instruction) open.push(...instruction.goTo);
    }
    return reached;
  }

  for (const character of name) {
    const next: number[] = [];
    for (const state of states) {
      const instruction = program[state];
      if (instruction !== undefined && 'test' in instruction && instruction.test(character)) next.push(state + 1);
    }
    states = reach(next);
  }
  return states.has(program.length);
}
