import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ObservedServer } from '../../../domain/access/observed.ts';
import { diffObjects } from '../../../domain/access/privileges/diff-objects.ts';
import { renderPrivileges } from '../../../domain/access/privileges/render.ts';
import { rolesNeeded } from '../../../domain/access/privileges/roles-needed.ts';
import { simulatePrivileges } from '../../../domain/access/privileges/simulate.ts';
import { quoteIdentifier } from '../../../domain/sql/quote.ts';
import { startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';
import { rightsAsText } from '../../unit/access/privileges/support/compare.ts';
import { documents, type Step, steps } from '../../unit/access/privileges/support/random.ts';
import { createShop, inspectShop, runSteps, takeSteps } from './support/database.ts';

/** The schema must stay open: an admin that is no superuser, or acts as an owner, needs USAGE on it. */
function isSchema(on: Exclude<Step, { do: 'member' | 'superuser' }>['on']): boolean {
  return typeof on === 'object' && on.kind === 'schema';
}

const RUNS = Number(process.env.PROPERTY_RUNS ?? 60);

describe.each(testMajors())('a server of version %i', (major) => {
  const versionNum = major * 10_000;
  let server: VersionedServer;
  let client: pg.Client;

  beforeAll(async () => {
    server = await startServerOf(major, { settings: { log_statement: 'none' } });
    await createShop(server);
    client = await server.connect({ database: 'shop' });
    await client.query('SET search_path = pg_catalog');
  });

  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  /** Builds a random state, carries out a document on it, and takes everything back. */
  async function attempt(list: readonly Step[], run: (observed: ObservedServer) => Promise<void>): Promise<void> {
    await client.query('BEGIN');
    try {
      await takeSteps(client, list);
      await run(await inspectShop(client));
    } finally {
      await client.query('ROLLBACK');
    }
  }

  test('does what the simulation says, and the document holds afterwards', async () => {
    let changed = 0;
    await fc.assert(
      fc.asyncProperty(steps(versionNum), documents(versionNum, { owners: true }), (list, document) =>
        attempt(list, async (observed) => {
          const found = diffObjects({ document, observed });
          if (found.problems.length > 0) return;
          changed += found.changes.length;
          await runSteps(client, renderPrivileges(found.changes, observed));
          const after = await inspectShop(client);
          expect(rightsAsText(after, ['shop'])).toEqual(
            rightsAsText(simulatePrivileges(observed, found.changes), ['shop']),
          );
          expect(diffObjects({ document, observed: after }).changes).toEqual([]);
        }),
      ),
      { numRuns: RUNS },
    );
    expect(changed).toBeGreaterThan(RUNS);
  });

  test('does the same for an admin that is no superuser but has the roles that are needed', async () => {
    let changed = 0;
    const options = major >= 16 ? ' WITH INHERIT TRUE, SET TRUE' : '';
    await fc.assert(
      fc.asyncProperty(steps(versionNum), documents(versionNum, { owners: false }), (list, document) =>
        attempt(
          list.filter((step) => !('on' in step) || !isSchema(step.on)),
          async (found) => {
            const admin = { ...found.admin, name: 'limited_admin', superuser: false };
            const observed = { ...found, admin };
            const { changes, problems } = diffObjects({ document, observed });
            if (problems.length > 0) return;
            changed += changes.length;
            for (const roles of rolesNeeded(changes, observed).values()) {
              for (const role of roles) await client.query(`GRANT ${quoteIdentifier(role)} TO limited_admin${options}`);
            }
            await client.query('SET LOCAL SESSION AUTHORIZATION limited_admin');
            await runSteps(client, renderPrivileges(changes, observed));
            await client.query('RESET SESSION AUTHORIZATION');
            const after = await inspectShop(client);
            expect(rightsAsText(after, ['shop'])).toEqual(
              rightsAsText(simulatePrivileges(observed, changes), ['shop']),
            );
          },
        ),
      ),
      { numRuns: RUNS },
    );
    expect(changed).toBeGreaterThan(RUNS);
  });
});
