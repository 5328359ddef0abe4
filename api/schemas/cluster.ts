import { z } from '@hono/zod-openapi';
import { identifier } from './common.ts';
import { hostSchema } from './host.ts';

/** The installation, as clients of the contract know it. */
export const clusterSchema = z
  .object({
    id: identifier,
    status: z.object({ state: z.enum(['available', 'error']) }),
    hosts: z.array(hostSchema),
  })
  .openapi('Cluster');

/** What a host worker joins with. `token` is a secret. */
export const joinTokenSchema = z
  .object({
    token: z.string(),
    server_urls: z
      .array(z.string())
      .openapi({ description: 'Where this API answers.', example: ['http://127.0.0.1:3000'] }),
  })
  .openapi('ClusterJoinToken');
