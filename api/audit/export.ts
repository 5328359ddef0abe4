import type pg from 'pg';
import type { AuditRowText } from '../../domain/audit/row.ts';
import type { Log } from '../../platform/log.ts';
import { type AuditFilter, streamAudit } from '../../store/audit-entries.ts';
import { ApiError } from '../errors.ts';
import type { AuditFormat } from './formats.ts';

/** Each takes a connection of the metadata pool, and others need those, too. */
const MAX_EXPORTS = 2;
/** A client that takes nothing for this long keeps a connection and a snapshot for nothing. */
const STALL_MS = 60_000;
/** Rows that become one piece of the body. */
const ROWS_A_PIECE = 200;

/** Streams the log to clients, as fast as they take it. */
export interface AuditExporter {
  /** @param record runs when the export is admitted, before anything is read @throws ApiError 429 while others export */
  open(filter: AuditFilter, format: AuditFormat, record: () => Promise<void>): Promise<ReadableStream<Uint8Array>>;
}

/** One per process. */
export function createAuditExporter(
  deps: { db: pg.Pool; log: Log },
  options: { stallMs?: number } = {},
): AuditExporter {
  const { stallMs = STALL_MS } = options;
  const onError = (err: unknown) => deps.log.warn({ err }, 'an export of the audit log broke off');
  let open = 0;
  const ended = () => {
    open -= 1;
  };
  return {
    async open(filter, format, record) {
      if (open >= MAX_EXPORTS) {
        throw new ApiError('too_many_requests', `${MAX_EXPORTS} exports are under way; try again when one has ended`, {
          headers: { 'Retry-After': '10' },
        });
      }
      open += 1;
      try {
        await record();
      } catch (error) {
        ended();
        throw error;
      }
      const gone = new AbortController();
      const pieces = withEnd(piecesOf(streamAudit(deps.db, filter, gone.signal), format), ended);
      // It is asked for its first piece at once, so that its end is told.
      return asBody(pieces, { stallMs, onError, gone });
    },
  };
}

async function* withEnd(pieces: AsyncGenerator<string>, ended: () => void): AsyncGenerator<string> {
  try {
    yield* pieces;
  } finally {
    ended();
  }
}

async function* piecesOf(rows: AsyncIterable<AuditRowText>, format: AuditFormat): AsyncGenerator<string> {
  if (format.head !== '') yield format.head;
  let piece: AuditRowText[] = [];
  for await (const row of rows) {
    piece.push(row);
    if (piece.length < ROWS_A_PIECE) continue;
    yield format.rows(piece);
    piece = [];
  }
  if (piece.length > 0) yield format.rows(piece);
}

/** A body that is made when it is asked for. When nobody takes it any more, what makes it is ended. */
function asBody(
  pieces: AsyncGenerator<string>,
  options: { stallMs: number; onError: (error: unknown) => void; gone: AbortController },
): ReadableStream<Uint8Array> {
  const { stallMs, onError, gone } = options;
  const encoder = new TextEncoder();
  let stalled: NodeJS.Timeout | undefined;
  function end(): void {
    clearTimeout(stalled);
    gone.abort();
    // What it says after that is the noise of its ending.
    pieces.return(undefined).catch(() => undefined);
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(stalled);
        try {
          const { done, value } = await pieces.next();
          if (gone.signal.aborted) return;
          if (done === true) return controller.close();
          controller.enqueue(encoder.encode(value));
          stalled = setTimeout(() => {
            const error = new Error(`the client took nothing for ${stallMs} ms`);
            onError(error);
            controller.error(error);
            end();
          }, stallMs);
        } catch (error) {
          if (gone.signal.aborted) return;
          onError(error);
          controller.error(error);
        }
      },
      cancel: end,
    },
    { highWaterMark: 1 },
  );
}
