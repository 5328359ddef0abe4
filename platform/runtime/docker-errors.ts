import { Failure, type FailureType } from '../../domain/failures.ts';

/** Texts of the engine that say more than its status. */
const KNOWN_TEXTS: readonly [text: RegExp, type: FailureType, explanation: string][] = [
  [/address already in use|port is already allocated/i, 'PortInUse', ''],
  [/No such image/i, 'ImageUnavailable', ''],
  [
    /bind source path does not exist/i,
    'EngineUnavailable',
    ': the engine must see the data directory under the same path as this worker does',
  ],
];

/** Status that the engine answered with; undefined when it did not answer at all. */
function engineStatus(error: unknown): number | undefined {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined;
}

/** A {@link Failure} with the engine's own words. @param doing such as `starting container x` */
export function engineFailure(error: unknown, doing: string): Failure {
  if (error instanceof Failure) return error;
  const said = error instanceof Error ? error.message : String(error);
  const known = KNOWN_TEXTS.find(([text]) => text.test(said));
  if (known !== undefined) return new Failure(known[1], `${doing}: ${said}${known[2]}`, { cause: error });
  const status = engineStatus(error);
  // The engine refuses what it was asked for with 400; every other answer may change.
  if (status === 400)
    return new Failure('InvalidSpec', `the container engine refused ${doing}: ${said}`, { cause: error });
  const subject = status === undefined ? 'the container engine does not answer' : 'the container engine failed';
  return new Failure('EngineUnavailable', `${subject} while ${doing}: ${said}`, { cause: error });
}

/** Runs calls to the engine and turns what they throw into a {@link Failure}. */
export async function withEngine<T>(doing: string, calls: () => Promise<T>): Promise<T> {
  try {
    return await calls();
  } catch (error) {
    throw engineFailure(error, doing);
  }
}

/** The answer, or undefined when the engine says that there is no such thing. */
export async function ifExists<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (engineStatus(error) === 404) return undefined;
    throw error;
  }
}

/** 304: it is already in the state that was asked for. */
export function ignoreUnchanged(error: unknown): void {
  if (engineStatus(error) !== 304) throw error;
}
