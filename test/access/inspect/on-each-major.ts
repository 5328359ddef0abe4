import type pg from 'pg';
import { afterAll, beforeAll, describe } from 'vitest';
import type { ObservedServer } from '../../../domain/access/observed.ts';
import { inspectCluster } from '../../../platform/target/catalog/cluster.ts';
import {
  type Major,
  startServerOf,
  testMajors,
  type VersionedLogin,
  type VersionedServer,
} from '../../support/versions.ts';

/** A server of one major version, with connections as the engine has them. */
export interface ServerUnderTest extends VersionedServer {
  /** With search_path pg_catalog; closed with the server. */
  session(login?: VersionedLogin): Promise<pg.Client>;
  cluster(login?: VersionedLogin): Promise<ObservedServer>;
}

/** The same tests on every major version, each with a server of its own. */
export function onEachMajor(title: string, tests: (server: () => ServerUnderTest, major: Major) => void): void {
  describe.each(testMajors())(`PostgreSQL %i: ${title}`, (major) => {
    let started: ServerUnderTest | undefined;
    const open: pg.Client[] = [];

    beforeAll(async () => {
      const server = await startServerOf(major);
      const session = async (login?: VersionedLogin) => {
        const client = await server.connect(login);
        open.push(client);
        await client.query('SET search_path = pg_catalog');
        return client;
      };
      const cluster = async (login?: VersionedLogin) => {
        return inspectCluster(await session(login), { serverName: 'host-1' });
      };
      started = { ...server, session, cluster };
    });

    afterAll(async () => {
      await Promise.all(open.map((client) => client.end()));
      await started?.stop();
    });

    tests(() => {
      if (started === undefined) throw new Error('the server did not start');
      return started;
    }, major);
  });
}
