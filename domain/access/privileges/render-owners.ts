import { quoteIdentifier } from '../../sql/quote.ts';
import type { Change } from '../changes.ts';
import { addToGroup } from '../groups.ts';
import { OBJECT_KINDS } from '../objects.ts';
import type { ObjectRef } from '../observed.ts';
import type { PlanStep } from '../plan.ts';
import { refSql } from '../refs.ts';
import { describeObjects } from './describe.ts';

type OwnerChange = Extract<Change, { type: 'own_object' | 'own_database' }>;

/** ALTER … OWNER, which takes one object at a time, in the order of the changes; one step for each new owner. */
export function renderOwners(database: string | null, changes: readonly OwnerChange[]): PlanStep[] {
  const byOwner = new Map<string, ObjectRef[]>();
  for (const change of changes) addToGroup(byOwner, change.owner, objectOf(change));
  return [...byOwner].map(([owner, objects]) => ({
    database,
    action: 'change owners',
    summary: `make ${owner} the owner of ${describeObjects(objects)}`,
    statements: objects.map((object) => ({
      sql: `ALTER ${OBJECT_KINDS[object.kind].ownerKeyword} ${refSql(object)} OWNER TO ${quoteIdentifier(owner)}`,
    })),
    changes: objects.length,
  }));
}

function objectOf(change: OwnerChange): ObjectRef {
  return change.type === 'own_object' ? change.object : { kind: 'database', schema: null, name: change.database };
}
