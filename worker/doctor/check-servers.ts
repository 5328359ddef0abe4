import type pg from 'pg';
import { missingRights } from '../../domain/servers/rights.ts';
import type { Config } from '../../platform/config/config.ts';
import { loadKeyring } from '../../platform/secrets/keyring.ts';
import { createSealer } from '../../platform/secrets/seal.ts';
import { probeServer } from '../../platform/target/probe.ts';
import { createTargetRegistry } from '../../platform/target/registry.ts';
import { listServersByLabels } from '../../store/servers.ts';
import { loadTarget } from '../load-target.ts';
import { type Finding, messageOf, ok, problem, warning } from './finding.ts';

/** Above what connecting to an endpoint that is down takes. */
const PROBE_MS = 15_000;

/** Every registered server, asked as `servers probe` does; nothing is recorded. */
export async function checkServers(config: Config, db: pg.Pool): Promise<Finding[]> {
  let names: string[];
  try {
    names = (await listServersByLabels(db, {})).map(({ name }) => name);
  } catch (error) {
    return [
      warning('Servers', `the metadata database does not list them: ${messageOf(error)}`, 'see its schema above'),
    ];
  }
  if (names.length === 0) return [ok('Servers', 'none is registered')];
  const keyring = await loadKeyring(config.files.sealKeyring).catch(() => undefined);
  if (keyring === undefined) {
    return [problem('Servers', 'their passwords cannot be read', 'see the keyring of stored secrets above')];
  }
  const sealer = createSealer(keyring);
  const targets = createTargetRegistry({ load: (name) => loadTarget({ db, sealer }, name) });
  try {
    return await Promise.all(
      names.map(async (name) => {
        try {
          return await checkServer(name, await targets.get(name));
        } catch (error) {
          return problem(`Server ${name}`, messageOf(error), `ask it by itself: pgsteward servers probe ${name}`);
        }
      }),
    );
  } finally {
    await targets.close();
  }
}

async function checkServer(name: string, server: Parameters<typeof probeServer>[0]): Promise<Finding> {
  const subject = `Server ${name}`;
  const { probe } = await probeServer(server, {
    applicationName: 'pgsteward:doctor',
    doing: `probing server ${name}`,
    signal: AbortSignal.timeout(PROBE_MS),
    statementTimeoutMs: PROBE_MS,
  });
  const { facts, problem: reason } = probe;
  if (facts === null)
    return problem(
      subject,
      reason ?? 'does not answer',
      'start it, or register it with its new address: PUT /v1/servers',
    );
  const version = `PostgreSQL ${Math.floor(facts.versionNum / 10_000)}, as ${facts.admin.name}`;
  const missing = missingRights(facts);
  if (missing.length === 0) return ok(subject, version);
  const says = `${version}, which lacks ${missing.map(({ right }) => right).join(', ')}`;
  const mend = `a superuser runs: ${missing.map(({ statement }) => statement).join(' ')}`;
  return missing.some(({ required }) => required) ? problem(subject, says, mend) : warning(subject, says, mend);
}
