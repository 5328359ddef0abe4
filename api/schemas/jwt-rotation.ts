import { z } from '@hono/zod-openapi';
import { JWT_ROTATION_STATES } from '../../store/jwt-rotations.ts';
import { timestamp } from './common.ts';
import { taskSchema } from './task.ts';

/** Thirty days: tokens that live longer are not what a grace is for. */
const MOST_GRACE_SECONDS = 30 * 86_400;
const DEFAULT_GRACE_SECONDS = 3_600;
/** Several keys in PEM or JSON. */
const MAX_KEY = 32_768;

/** Body of a rotation; all of it may be left out. */
export const jwtRotationBodySchema = z
  .strictObject({
    grace_seconds: z
      .int()
      .min(0)
      .max(MOST_GRACE_SECONDS)
      .default(DEFAULT_GRACE_SECONDS)
      .describe('How long the former key counts beside the new one; 0 where it is known to others.'),
    key: z
      .union([z.string().min(1).max(MAX_KEY), z.record(z.string(), z.unknown())])
      .optional()
      .describe(
        'The new key: a secret of at least 32 characters, a JWK or a set of JWKs, as JSON or as its text, or a public key in PEM. One is made where it is left out.',
      ),
  })
  .openapi('JwtRotationRequest');

export const jwtRotationSchema = z
  .object({
    id: z.uuid(),
    database_id: z.string(),
    service_id: z.string(),
    state: z
      .enum(JWT_ROTATION_STATES)
      .describe('`overlap`: both keys count; `superseded`: an update has set another `jwt_secret` since.'),
    reason: z.string().optional(),
    grace_seconds: z.int(),
    grace_ends_at: timestamp.optional(),
    opening_task_id: z.uuid().describe('The update by which the services learn the new key.'),
    closing_task_id: z.uuid().optional().describe('The one by which they forget the former key.'),
    requested_by: z.string(),
    created_at: timestamp,
    ended_at: timestamp.optional(),
  })
  .openapi('JwtRotation');

export const acceptedJwtRotationSchema = z
  .object({
    task: taskSchema,
    rotation: jwtRotationSchema,
    jwt_secret: z
      .string()
      .nullable()
      .optional()
      .describe('A secret that was made here: shown once, and to the same request for 10 minutes.'),
  })
  .openapi('AcceptedJwtRotation');
