import { type CharacterTest, type PatternNode, PatternProblem } from './parse.ts';

/** A test passes on to the instruction after it; the others stand for all that they lead to, without a character. */
export type Instruction = { test: CharacterTest } | { goTo: number[] };

/** Most parts of a compiled pattern; counted repetitions are written out. */
const MAX_PARTS = 4000;

/** Instructions that lead to the one after the last exactly for texts of the pattern. @throws PatternProblem for a huge one */
export function compilePattern(node: PatternNode): Instruction[] {
  const program: Instruction[] = [];
  let parts = 0;
  const add = (instruction: Instruction) => program.push(instruction) - 1;

  function emit(part: PatternNode): void {
    // Not the instructions: repetitions of nothing have none, and take as long.
    parts += 1;
    if (parts > MAX_PARTS) throw new PatternProblem('its repetitions are too large together');
    switch (part.kind) {
      case 'one':
        add({ test: part.test });
        return;
      case 'sequence':
        for (const each of part.parts) emit(each);
        return;
      case 'choice':
        emitChoice(part.options);
        return;
      case 'repeat':
        emitRepeat(part);
        return;
    }
  }

  function emitChoice(options: readonly PatternNode[]): void {
    const starts: number[] = [];
    const ends: number[][] = [];
    add({ goTo: starts });
    for (const option of options) {
      starts.push(program.length);
      emit(option);
      const end: number[] = [];
      add({ goTo: end });
      ends.push(end);
    }
    for (const end of ends) end.push(program.length);
  }

  function emitRepeat({ part, min, max }: { part: PatternNode; min: number; max: number }): void {
    for (let count = 0; count < min; count += 1) emit(part);
    if (max === Infinity) {
      const exits: number[] = [];
      const loop = add({ goTo: exits });
      exits.push(loop + 1);
      emit(part);
      add({ goTo: [loop] });
      exits.push(program.length);
      return;
    }
    const skips: number[][] = [];
    for (let count = min; count < max; count += 1) {
      const skip: number[] = [];
      skip.push(add({ goTo: skip }) + 1);
      skips.push(skip);
      emit(part);
    }
    for (const skip of skips) skip.push(program.length);
  }

  emit(node);
  return program;
}
