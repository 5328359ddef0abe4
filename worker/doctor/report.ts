import type { Finding } from './finding.ts';

const MARKS: Readonly<Record<Finding['state'], string>> = { ok: 'ok     ', warning: 'warning', problem: 'PROBLEM' };

/** What was found, for people. */
export function reportText(findings: readonly Finding[]): string[] {
  const width = Math.max(...findings.map(({ subject }) => subject.length));
  const count = (state: Finding['state']) => findings.filter((finding) => finding.state === state).length;
  return [
    ...findings.flatMap(({ subject, state, says, mend }) => [
      `${MARKS[state]}  ${subject.padEnd(width)}  ${says}`,
      ...(mend === undefined ? [] : [`${' '.repeat(MARKS.ok.length + 2)}${' '.repeat(width)}  → ${mend}`]),
    ]),
    '',
    count('problem') === 0
      ? `Everything that is needed is there; ${count('warning')} warnings.`
      : `${count('problem')} problems and ${count('warning')} warnings.`,
  ];
}
