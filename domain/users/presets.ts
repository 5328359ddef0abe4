import { KIND_RULES, USER_KINDS, type UserKind } from './kinds.ts';
import { type KindPolicy, type Policy, USER_OPERATIONS } from './policy.ts';

/** Policies that come along, by name. */
export const POLICY_PRESETS = ['published', 'article'] as const;
export type PolicyPreset = (typeof POLICY_PRESETS)[number];

/** What is stored for an environment: a policy, or a preset that is worked out for the environment that asks. */
export type StoredPolicy =
  | { policy: Policy }
  /** `production` left out: the name of the environment tells. */
  | { preset: PolicyPreset; production?: boolean };

/** Rules of a kind where nothing else is said. */
export function defaultKindPolicy(kind: UserKind): KindPolicy {
  const { connectionLimit, privileges } = KIND_RULES[kind];
  return {
    connectionLimit: { default: connectionLimit, max: null },
    validDays: { default: null, max: null },
    namePattern: null,
    privileges,
  };
}

function policyOf(kinds: readonly UserKind[], changes: Partial<Record<UserKind, Partial<KindPolicy>>> = {}): Policy {
  return {
    operations: USER_OPERATIONS,
    kinds: Object.fromEntries(kinds.map((kind) => [kind, { ...defaultKindPolicy(kind), ...changes[kind] }])),
    grantable: 'any',
  };
}

/** Allows what the published API allows; of environments that nobody made a policy for. */
export const PUBLISHED_POLICY: Policy = policyOf(USER_KINDS);

/** "Rarely provisioned": DBA accounts end by themselves. */
const RARE: Partial<KindPolicy> = {
  connectionLimit: { default: KIND_RULES.dba.connectionLimit, max: KIND_RULES.dba.connectionLimit },
  validDays: { default: 7, max: 30 },
};

/** The rules that the article about the published API states and its code does not have. */
const ARTICLE = {
  nonProduction: policyOf(['app', 'app-k8s', 'devqa', 'devlead', 'dba'], { dba: RARE }),
  production: {
    ...policyOf(['app', 'app-k8s', 'readonly', 'dba'], { dba: RARE }),
    // "No DDL": neither by the kind of the account nor by a later grant.
    grantable: ['CONNECT', 'TEMPORARY', 'USAGE', 'SELECT', 'INSERT', 'UPDATE', 'DELETE', 'EXECUTE'],
  },
} as const satisfies Record<string, Policy>;

const PRODUCTION = /^(prod|production|prd|live)([._-].*)?$/i;

/** The policy of an environment. @param stored its own, or that of `*`; undefined where there is neither */
export function resolvePolicy(stored: StoredPolicy | undefined, env: string): Policy {
  if (stored === undefined) return PUBLISHED_POLICY;
  if ('policy' in stored) return stored.policy;
  if (stored.preset === 'published') return PUBLISHED_POLICY;
  return (stored.production ?? PRODUCTION.test(env)) ? ARTICLE.production : ARTICLE.nonProduction;
}
