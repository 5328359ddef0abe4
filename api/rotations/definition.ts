import { durationMs } from '../../domain/rotations/duration.ts';
import type { ConsumerSecrets, RotationConsumer, RotationOptions } from '../../domain/rotations/rotation.ts';
import { type RotationSchedule, scheduleProblems } from '../../domain/rotations/schedule.ts';
import type { Problem } from '../../domain/spec/problems.ts';
import { assertAdmin, type Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { invalidInput } from '../errors.ts';
import type { ConsumerBody, ScheduleBody } from '../schemas/rotation.ts';

const ms = (value: number | string) => durationMs(value) ?? 0;

/** @throws ApiError 400 with every problem */
export function scheduleOf(body: ScheduleBody | null): RotationSchedule | null {
  if (body === null) return null;
  const { calendar } = body;
  const schedule: RotationSchedule = {
    ...(body.every !== undefined && { everyMs: ms(body.every) }),
    ...(calendar !== undefined && {
      calendar: {
        hours: calendar.hour,
        minutes: calendar.minute,
        ...(calendar.day_of_week !== undefined && { weekDays: calendar.day_of_week }),
        ...(calendar.day_of_month !== undefined && { monthDays: calendar.day_of_month }),
        ...(calendar.month !== undefined && { months: calendar.month }),
      },
    }),
    ...(body.cron !== undefined && { cron: body.cron }),
    timeZone: body.time_zone,
    jitterMs: ms(body.jitter),
    ...(body.window !== undefined && { window: body.window }),
    catchUpMs: ms(body.catch_up_window),
  };
  const problems = scheduleProblems(schedule);
  if (problems.length > 0) throw invalidInput(problems);
  return schedule;
}

type SessionsBody = { policy: RotationOptions['sessions']['policy']; drain: number | string };

export const sessionsOf = ({ policy, drain }: SessionsBody): RotationOptions['sessions'] => ({
  policy,
  drainMs: ms(drain),
});

export const graceOf = (grace: number | string): number => ms(grace);

/** The former login has to be retired before the next run needs it. @throws ApiError 400 */
export function assertGraceFits(schedule: RotationSchedule | null, options: Pick<RotationOptions, 'graceMs'>): void {
  if (schedule?.everyMs === undefined || options.graceMs < schedule.everyMs) return;
  throw invalidInput([{ path: 'grace', message: 'must be shorter than the time between two runs' }]);
}

/**
 * Consumers, and their secrets apart.
 * @throws ApiError 403 for operators, who may not say where passwords go (R16); 400 with every problem
 */
export function consumersOf(
  deps: Pick<ApiDeps, 'hasConsumersDir' | 'handover'>,
  caller: Caller,
  bodies: readonly ConsumerBody[],
): { consumers: RotationConsumer[]; secrets: ConsumerSecrets } {
  if (bodies.some(({ kind }) => kind !== 'postgrest')) assertAdmin(caller, 'a consumer that is no service of ours');
  const problems: Problem[] = [];
  const secrets: ConsumerSecrets = {};
  const consumers = bodies.map((body, index): RotationConsumer => {
    const path = `consumers[${index}]`;
    const { name } = body;
    if ((body.kind === 'file' || body.kind === 'pgbouncer') && !deps.hasConsumersDir) {
      problems.push({ path, message: 'files of consumers need a directory: set PGSTEWARD_CONSUMERS_DIR' });
    }
    if (body.kind === 'pgbouncer') {
      secrets[name] = { password: body.admin_password };
      const { kind, host, port, admin_user: adminUser, auth_file: authFile, databases } = body;
      return { kind, name, host, port, adminUser, authFile, ...(databases !== undefined && { databases }) };
    }
    if (body.kind === 'webhook') {
      const problem = deps.handover.publicUrl === null ? 'links need PGSTEWARD_PUBLIC_URL' : urlProblem(body);
      if (problem !== undefined) problems.push({ path: `${path}.url`, message: problem });
      secrets[name] = { url: body.url, signingKey: body.signing_key };
      return { kind: 'webhook', name, origin: originOf(body.url) };
    }
    return body;
  });
  if (problems.length > 0) throw invalidInput(problems);
  return { consumers, secrets };
}

function urlProblem({ url, allow_insecure: insecure }: Extract<ConsumerBody, { kind: 'webhook' }>): string | undefined {
  const parsed = URL.parse(url);
  if (parsed === null || !['https:', 'http:'].includes(parsed.protocol)) return 'must be an address such as https://…';
  if (parsed.username !== '' || parsed.password !== '')
    return 'must not hold credentials; the signature proves who calls';
  const isLocal = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(parsed.hostname);
  if (parsed.protocol === 'https:' || isLocal || insecure) return undefined;
  return 'must be https, or say "allow_insecure": true';
}

const originOf = (url: string) => URL.parse(url)?.origin ?? '';
