/** Why PostgREST refused a configuration that it was asked to check. */
export interface CheckRefusal {
  /** Known words only: what PostgREST prints about a configuration may hold parts of it. */
  reason: string;
  /** The database did not answer, or not yet: the same check may pass a moment later. */
  passing: boolean;
}

/** libpq's sentences. They name hosts, ports, roles and databases, and never a password. */
const CONNECTION = /(?:connection to server (?:at|on socket) |could not translate host name )[^\n]{1,300}/g;
/** Refusals by a server that answers; everything else about a connection may pass. */
const LASTING = /password|does not exist|pg_hba|not permitted|permission denied|authentication/i;

const CONFIGURATION: readonly [output: RegExp, reason: string][] = [
  [/withBinaryFile|openFile/, 'a file that its configuration names cannot be read'],
  [/Error in config/, 'its configuration is not valid'],
];
const REASON_MAX_LENGTH = 500;

/** Finds the reason in what `postgrest --dump-schema` wrote to standard error (measured on 12.0.2). */
export function explainCheck(output: string): CheckRefusal {
  const text = output.replaceAll('\\"', '"').replaceAll(/\\n|\\t/g, '\n');
  const sentences = [...new Set([...text.matchAll(CONNECTION)].map(([sentence]) => sentence.trim()))];
  if (sentences.length > 0) {
    const reason = sentences.join('; ').slice(0, REASON_MAX_LENGTH);
    return { reason, passing: !LASTING.test(reason) };
  }
  const known = CONFIGURATION.find(([words]) => words.test(text));
  return { reason: known?.[1] ?? 'for a reason that is not shown, because it may hold secrets', passing: false };
}
