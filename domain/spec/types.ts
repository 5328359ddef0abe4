/** The specification as submitted, once its shape has been checked. */
import type { z } from 'zod';
import type { nodeSchema } from './node-schema.ts';
import type { createDatabaseSchema, databaseSpecSchema } from './schema.ts';
import type { serviceSchema } from './service-schema.ts';
import type { databaseUserSchema } from './user-schema.ts';

export type DatabaseSpec = z.output<typeof databaseSpecSchema>;
export type NodeSpec = z.output<typeof nodeSchema>;
export type DatabaseUserSpec = z.output<typeof databaseUserSchema>;
export type ServiceSpec = z.output<typeof serviceSchema>;

/** What is asked for: the body of a create or of an update (which has no `id`). */
export type SpecRequest = z.output<typeof createDatabaseSchema>;
