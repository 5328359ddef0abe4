import { z } from 'zod';

/** Sessions get at most this long, in seconds: the rest of a task's time is for the drop itself. */
export const MAX_DRAIN_SECONDS = 300;

const documentSchema = z.object({
  role: z.string(),
  heir: z.string().optional(),
  reassign_owned: z.boolean(),
  drain_seconds: z.number().int().min(0).max(MAX_DRAIN_SECONDS),
  force: z.boolean(),
});

/** What the accepted request of a drop keeps as its document. */
export type DropDocument = z.infer<typeof documentSchema>;

/** A drop as it was asked for. */
export interface DropRequest {
  role: string;
  /** Role that gets what the dropped one owns; one made for the purpose when left out. */
  heir?: string;
  /** Consent to drop a role that owns something, or has rights that this control plane did not give (R10). */
  reassignOwned: boolean;
  /** How long open sessions may go on. */
  drainSeconds: number;
  /** An admin's word that a rule of R5 does not count this time. */
  force: boolean;
}

/** Reads the document of an accepted drop. @throws ZodError for one that no release of this control plane has written */
export function parseDropDocument(document: unknown): DropRequest {
  const { role, heir, reassign_owned, drain_seconds, force } = documentSchema.parse(document);
  return {
    role,
    ...(heir === undefined ? {} : { heir }),
    reassignOwned: reassign_owned,
    drainSeconds: drain_seconds,
    force,
  };
}
