import type { z } from '@hono/zod-openapi';
import { USER_KINDS } from '../../domain/users/kinds.ts';
import type { KindPolicy } from '../../domain/users/policy.ts';
import { resolvePolicy } from '../../domain/users/presets.ts';
import type { PolicyRecord } from '../../store/policies.ts';
import type { policySchema } from '../schemas/policy.ts';
import { timestamp } from '../time.ts';

/** What holds for an environment. @param record its own, that of `*`, or undefined where nobody made one */
export function renderPolicy(env: string, record: PolicyRecord | undefined): z.infer<typeof policySchema> {
  const { operations, kinds, grantable } = resolvePolicy(record?.stored, env);
  const shown = USER_KINDS.flatMap((kind) => {
    const rules = kinds[kind];
    return rules === undefined ? [] : [[kind, renderKind(rules)] as const];
  });
  return {
    env,
    from: record?.env ?? 'default',
    ...(record !== undefined && 'preset' in record.stored ? record.stored : {}),
    operations: [...operations],
    kinds: Object.fromEntries(shown),
    grantable: grantable === 'any' ? grantable : [...grantable],
    ...(record === undefined ? {} : { updated_at: timestamp(record.updatedAt) }),
  };
}

function renderKind({ connectionLimit, validDays, namePattern, privileges }: KindPolicy) {
  const { database, schemas, tables, sequences, routines } = privileges;
  return {
    connection_limit: connectionLimit,
    valid_days: validDays,
    name_pattern: namePattern,
    privileges: {
      database: [...database],
      schemas: [...schemas],
      tables: [...tables],
      sequences: [...sequences],
      routines: [...routines],
    },
  };
}
