import type { ObservedObject } from '../../../domain/access/observed.ts';
import { splitArguments } from '../../../domain/access/privileges/routine-names.ts';

/** A procedure that was read, with all types of its arguments, those of OUT arguments with them. */
export interface ReadProcedure {
  object: ObservedObject;
  allTypes: string;
}

/**
 * From 14 on GRANT … ON ROUTINE compares a list of types with the input types of procedures and also with all types, and refuses
 * what it then finds twice; naming the mode settles that (`LookupFuncWithArgs` in src/backend/parser/parse_func.c). Writes such
 * lists as `IN integer, IN text`.
 */
export function tellProceduresApart(procedures: readonly ReadProcedure[]): void {
  const keyOf = ({ schema, name }: ObservedObject, types: string) => JSON.stringify([schema, name, types]);
  const others = procedures.filter(({ object, allTypes }) => allTypes !== object.args);
  const taken = new Set(others.map(({ object, allTypes }) => keyOf(object, allTypes)));
  for (const { object } of procedures) {
    const { args = '' } = object;
    if (taken.has(keyOf(object, args)))
      object.args = splitArguments(args)
        .map((type) => `IN ${type}`)
        .join(', ');
  }
}
