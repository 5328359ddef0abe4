import type { ServerApiDeps } from '../deps.ts';
import type { GroupKeeper } from './groups.ts';

/** What routes of users by environment act through. */
export interface UserDeps extends ServerApiDeps {
  groups: GroupKeeper;
}
