import { z } from 'zod';
import { RETENTION_RULES, type RetentionRuleName } from '../../../domain/retention/rules.ts';
import { LOG_LEVELS } from '../../log.ts';
import { endpoint, integer, type Option, option, port, portOrAny, publicUrl, text } from './option.ts';

/** How long something is kept. */
function keepDays(rule: RetentionRuleName): Option<number> {
  const { what, defaultDays } = RETENTION_RULES[rule];
  return option({
    schema: integer(0, MAX_KEEP_DAYS),
    default: `\`${defaultDays}\``,
    meaning: `Days after which retention removes ${what}; 0 never.`,
  });
}
/** A hundred years. */
const MAX_KEEP_DAYS = 36_500;

/** Keys, logs, and how often and for how long something is done or kept. */
export const RUNNING_OPTIONS = {
  PGSTEWARD_CODEC_KEYRING_FILE: option({
    schema: text,
    default: '`codec-keyring.json` in `PGSTEWARD_HOME`',
    meaning: 'Keys for Temporal payloads. The same file on all machines, hosts included.',
  }),
  PGSTEWARD_SEAL_KEYRING_FILE: option({
    schema: text,
    default: '`seal-keyring.json` in `PGSTEWARD_HOME`',
    meaning: 'Keys for stored secrets. Never put it on a host. What they sealed is lost with them: keep a copy.',
  }),
  PGSTEWARD_JOIN_TOKEN_FILE: option({
    schema: text,
    default: '`join-token` in `PGSTEWARD_HOME`',
    meaning:
      'Token with which host workers join: the same file on all machines, or on a host one that `POST /v1/hosts/join-tokens` gave.',
  }),
  PGSTEWARD_LOG_LEVEL: option({
    schema: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`),
    default: '`info`',
    meaning: 'Lowest level that is logged: trace, debug, info, warn, error, fatal or silent.',
  }),
  PGSTEWARD_METRICS_LISTEN: option({
    schema: endpoint(portOrAny),
    default: 'no metrics; with `npm start` `127.0.0.1:9464`, or any free port where that one is taken',
    meaning:
      'Address and port at which this process serves metrics for Prometheus at `/metrics`, without credentials; port 0 takes any free one.',
  }),
  PGSTEWARD_TEMPORAL_METRICS_LISTEN: option({
    schema: endpoint(port),
    default: 'none',
    meaning: 'Address and port at which the Temporal SDK of this process serves metrics of its own at `/metrics`.',
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: option({
    schema: publicUrl,
    default: 'no traces',
    meaning:
      'Collector that traces are sent to over OTLP/HTTP, such as `http://127.0.0.1:4318`. Other variables of OpenTelemetry, such as `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_TRACES_SAMPLER`, hold too.',
  }),
  PGSTEWARD_TASK_TIMEOUT_SECONDS: option({
    schema: integer(10, 86_400),
    default: '`600`',
    meaning: 'Bound of one task in seconds: what has not succeeded by then fails and is undone.',
  }),
  PGSTEWARD_DRAIN_SECONDS: option({
    schema: integer(0, 60),
    default: '`10`',
    meaning: 'How long requests of a service that is replaced may go on, in seconds; then it is killed.',
  }),
  PGSTEWARD_RECONCILE_SECONDS: option({
    schema: integer(1, 3600),
    default: '`15`',
    meaning: 'Seconds between two searches for tasks without a workflow run.',
  }),
  PGSTEWARD_MONITOR_SECONDS: option({
    schema: integer(1, 86_400),
    default: '`10`',
    meaning: 'Seconds between two looks at the services of all hosts.',
  }),
  PGSTEWARD_MONITOR_GRACE_SECONDS: option({
    schema: integer(1, 3600),
    default: '`30`',
    meaning: 'Seconds for which a running service may be unhealthy before its state is `failed`.',
  }),
  PGSTEWARD_FAILOVER_SECONDS: option({
    schema: integer(1, 3600),
    default: '`5`',
    meaning: 'Seconds between two looks for promoted standbys, of servers with several endpoints.',
  }),
  PGSTEWARD_DRIFT_SECONDS: option({
    schema: integer(1, 86_400),
    default: '`10`',
    meaning:
      'Seconds between two searches for servers that are to be looked at for drift; the policy of a server says how often.',
  }),
  PGSTEWARD_NOTIFY_SECONDS: option({
    schema: integer(1, 86_400),
    default: '`5`',
    meaning: 'Seconds between two searches of the audit log for events that a notification channel is for.',
  }),
  PGSTEWARD_AUDIT_SEAL_SECONDS: option({
    schema: integer(1, 86_400),
    default: '`10`',
    meaning: 'Seconds between two runs that chain what is new in the audit log.',
  }),
  PGSTEWARD_AUDIT_ANCHOR_FILE: option({
    schema: text,
    default: '`audit-anchors.jsonl` in `PGSTEWARD_HOME`',
    meaning:
      'File of a control worker that heads of the audit chain are added to. Keep copies where nobody who administers the metadata database can write.',
  }),
  PGSTEWARD_RETENTION_MINUTES: option({
    schema: integer(1, 10_080),
    default: '`60`',
    meaning: 'Minutes between two runs that remove what is no longer kept.',
  }),
  PGSTEWARD_KEEP_LOGS_DAYS: keepDays('logs'),
  PGSTEWARD_KEEP_TASKS_DAYS: keepDays('tasks'),
  PGSTEWARD_KEEP_RECEIPTS_DAYS: keepDays('receipts'),
  PGSTEWARD_KEEP_DELIVERIES_DAYS: keepDays('deliveries'),
  PGSTEWARD_KEEP_AUDIT_DAYS: keepDays('audit'),
};
