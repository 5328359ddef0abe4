import { type Finding, ok, problem } from './finding.ts';

/** As `engines` of package.json has it. */
const OLDEST = [20, 3] as const;

/** The program that runs this. */
export function checkNode(version: string): Finding[] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNewEnough = major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
  return [
    isNewEnough
      ? ok('Node.js', version)
      : problem('Node.js', `${version} is too old`, `install Node.js ${OLDEST.join('.')} or newer`),
  ];
}
