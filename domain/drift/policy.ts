/** Kinds of drift that a policy has a say in. */
export const DRIFT_KINDS = [
  'missing_role',
  'login',
  'attributes',
  'connection_limit',
  'valid_until',
  'comment',
  'settings',
  'memberships',
  'ownership',
  'privileges',
  'default_privileges',
  'password',
] as const;
export type DriftKind = (typeof DRIFT_KINDS)[number];

/**
 * Kinds that are only ever reported: a role that somebody else put in the place of ours, a document that cannot be compared, a login of
 * a lease that is not live, and a live lease without its login.
 */
export const REPORTED_KINDS = ['replaced_role', 'document', 'lease_orphan', 'lease_ghost'] as const;
type ReportedKind = (typeof REPORTED_KINDS)[number];
export type FindingKind = DriftKind | ReportedKind;

/** What is done about drift. */
export const DRIFT_ACTIONS = ['repair', 'report', 'ignore'] as const;
export type DriftAction = (typeof DRIFT_ACTIONS)[number];

/** What is done on one server, and how often it is looked at. */
export interface DriftPolicy {
  /** For kinds that {@link kinds} does not name. */
  default: DriftAction;
  kinds: Partial<Record<DriftKind, DriftAction>>;
  intervalSeconds: number;
  /** How old the proof of a password may become where only a login tells. */
  proofSeconds: number;
}

/** Nothing is changed on a server before somebody says so. */
export const DEFAULT_POLICY: DriftPolicy = { default: 'report', kinds: {}, intervalSeconds: 300, proofSeconds: 3_600 };

/** What a policy says of a kind. */
export function actionFor(policy: DriftPolicy, kind: FindingKind): DriftAction {
  if (isReported(kind)) return 'report';
  return policy.kinds[kind] ?? policy.default;
}

/** Whether anything at all is repaired. */
export function repairsAnything(policy: DriftPolicy): boolean {
  return DRIFT_KINDS.some((kind) => actionFor(policy, kind) === 'repair');
}

function isReported(kind: FindingKind): kind is ReportedKind {
  return REPORTED_KINDS.some((reported) => reported === kind);
}
