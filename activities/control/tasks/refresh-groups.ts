import { createHash } from 'node:crypto';
import { groupRequest } from '../../../domain/users/group-request.ts';
import { insertRequest, newTaskId } from '../../../store/accepted-requests.ts';
import { listGroups, takeStaleGroups } from '../../../store/user-groups.ts';
import type { ControlDeps } from '../deps.ts';

/** Databases of one pass; the next one takes the rest. */
const DATABASES = 20;
/** Who asks for what nobody has asked for. */
const ACTOR = 'pgsteward';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/**
 * Asks that groups of users be seen to again whose rights were last looked at some time ago: for what was created meanwhile by roles
 * that default privileges do not cover. The requests wait for the next batch of their server.
 */
export async function refreshGroups(deps: ControlDeps): Promise<void> {
  const { groupRefreshMs: olderThanMs, installationId, db } = deps;
  if (olderThanMs === null) return;
  for (const place of await takeStaleGroups(db, { olderThanMs, limit: DATABASES })) {
    const groups = await listGroups(db, place);
    await insertRequest(db, {
      taskId: newTaskId(),
      serverName: place.serverName,
      type: 'change_role',
      requestHash: '',
      planHash: null,
      secrets: [],
      ...groupRequest({ installationId, database: place.database, groups }, sha256),
      audit: {
        actor: ACTOR,
        detail: { database: place.database, kinds: groups.map(({ kind }) => kind) },
      },
    });
  }
}
