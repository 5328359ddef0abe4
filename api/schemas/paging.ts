/** Parameters of lists and logs, the same in every family. */
import { z } from '@hono/zod-openapi';
import { isIdentifier } from '../../domain/identifiers.ts';
import type { TaskFilter } from '../../store/tasks.ts';

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;
/** Longest wait of one request, in seconds: below the time-outs of common proxies. */
const MAX_WAIT_SECONDS = 25;

const size = z.coerce.number().int().min(1).max(MAX_PAGE);
export const limit = size.default(DEFAULT_PAGE);

/** An identifier in the query string. */
export const queryIdentifier = z.string().refine(isIdentifier, 'is not an identifier');

export const order = z
  .enum(['asc', 'ascend', 'ascending', 'desc', 'descend', 'descending'])
  .default('desc')
  .transform((text) => (text.startsWith('asc') ? 'asc' : 'desc'))
  .openapi({ description: 'Newest first unless given.' });

/** What every page of a list that grows has in common. */
export const pageParts = { limit, sort_order: order };

/** A page of tasks. */
export const taskPageSchema = z.object({
  after_task_id: z.uuid().optional().openapi({ description: 'Tasks after this one, in the direction chosen.' }),
  ...pageParts,
});

/** A page of a task's log: the newest entries, oldest first. */
export const logPageSchema = z.object({
  after_entry_id: z.uuid().optional().openapi({ description: 'The `last_entry_id` of an earlier answer.' }),
  limit,
});

/** A page of databases; all of them without a limit. */
export const databasePageSchema = z.object({
  limit: size.optional(),
  after_database_id: queryIdentifier.optional().openapi({ description: 'Databases whose id sorts after this one.' }),
});

/** How long a request for a task waits for its end. */
export const waitSchema = z.object({
  wait: z.coerce.number().min(0).max(MAX_WAIT_SECONDS).optional().openapi({
    description: 'Seconds to wait for the end of the task, fractions too; the answer comes at once when it ends.',
  }),
});

export const taskIdParam = z.uuid().openapi({ param: { name: 'task_id', in: 'path' } });

/** The page of a list of tasks in the words of the store. */
export function taskPage(
  filter: TaskFilter | undefined,
  page: z.infer<typeof taskPageSchema>,
): { filter?: TaskFilter; order: 'asc' | 'desc'; afterTaskId: string | undefined; limit: number } {
  return {
    ...(filter === undefined ? {} : { filter }),
    order: page.sort_order,
    afterTaskId: page.after_task_id,
    limit: page.limit,
  };
}
