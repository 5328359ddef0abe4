import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ChainHead } from '../../domain/audit/chain.ts';
import type { StoredCheckpoint } from '../../domain/audit/checkpoint.ts';
import { syncDirectory } from '../files/sync-directory.ts';

const NEWLINE = 0x0a;

/**
 * Adds the head of the chain to a file, one JSON object per line, and returns when it is on disk. The file is opened anew each
 * time, so that it may be rotated by whatever rotates logs. A line that a crash has cut short is left alone.
 */
export async function appendAnchor(file: string, { seq, mac, keyId, sealedAt }: ChainHead): Promise<void> {
  await appendLine(file, { seq, mac, key_id: keyId, sealed_at: sealedAt });
}

/** The same for a checkpoint: the entry that the chain goes on from, and what may go. */
export async function appendCheckpoint(file: string, checkpoint: StoredCheckpoint): Promise<void> {
  const { seq, head, keyId, madeAt, auditId, removed, mac } = checkpoint;
  const covered = { audit_id: auditId, removed, mac };
  await appendLine(file, { seq, mac: head, key_id: keyId, sealed_at: madeAt, checkpoint: covered });
}

async function appendLine(file: string, content: object): Promise<void> {
  const line = `${JSON.stringify(content)}\n`;
  const handle = await open(file, 'a+', 0o600);
  let created: boolean;
  try {
    const { size } = await handle.stat();
    created = size === 0;
    const cutShort = size > 0 && (await lastByte(handle, size)) !== NEWLINE;
    await handle.appendFile(cutShort ? `\n${line}` : line);
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (created) await syncDirectory(dirname(file));
}

async function lastByte(handle: FileHandle, size: number): Promise<number | undefined> {
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0];
}
