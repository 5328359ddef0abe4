import type { HostActivities } from '../../domain/host-activities.ts';
import { awaitService } from './await-service.ts';
import { changeService } from './change/change-service.ts';
import { settleService } from './change/settle-service.ts';
import { stageService } from './change/stage-service.ts';
import { undoChangeService } from './change/undo-change.ts';
import type { HostContext } from './context.ts';
import { describeHost } from './describe-host.ts';
import { nudgeServices } from './nudge-services.ts';
import { busyPorts } from './ports.ts';
import { createPostgresActivities } from './postgres/index.ts';
import { removeService } from './remove-service.ts';
import { startService } from './start-service.ts';

/** The activities that a host worker offers on its own task queue. */
export function createHostActivities(context: HostContext): HostActivities {
  return {
    ...createPostgresActivities(context),
    probePorts: async (input) => ({ busy: await busyPorts(context, input) }),
    startService: (input) => startService(context, input),
    awaitService: (input) => awaitService(context, input),
    changeService: (input) => changeService(context, input),
    stageService: (input) => stageService(context, input),
    undoChangeService: (input) => undoChangeService(context, input),
    settleService: (input) => settleService(context, input),
    undoStartService: (input) => removeService(context, input),
    removeService: (input) => removeService(context, input),
    nudgeServices: (input) => nudgeServices(context, input),
    describeHost: () => describeHost(context),
  };
}
