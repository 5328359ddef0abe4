import type { ServerApiDeps } from '../deps.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** What routes of leases act through. */
export interface LeaseDeps extends ServerApiDeps {
  waitingRoom: WaitingRoom;
}
