import type pg from 'pg';
import { type AuditSealer, createAuditSealer } from '../activities/control/audit/sealer.ts';
import { type AuditTrimmer, createAuditTrimmer } from '../activities/control/audit/trimmer.ts';
import type { Config } from '../platform/config/config.ts';
import type { Log } from '../platform/log.ts';
import { createChainMac } from '../platform/secrets/chain-mac.ts';
import { ensureJoinToken } from '../platform/secrets/join-token.ts';
import { ensureKeyring } from '../platform/secrets/keyring.ts';
import { createSealer, type Sealer } from '../platform/secrets/seal.ts';
import { createTargetRegistry, type TargetRegistry } from '../platform/target/registry.ts';
import { createMetadataPool, type MetadataConnection } from '../store/connection.ts';
import { ensureInstallationId } from '../store/installation.ts';
import { migrateMetadata } from '../store/migrate.ts';
import { createSignals, type Signals } from '../store/signals.ts';
import { loadTarget } from './load-target.ts';

/** What API and control worker share within a process: the metadata database, the sealed secrets, the target servers. */
export interface ControlPlane {
  db: pg.Pool;
  installationId: string;
  sealer: Sealer;
  auditSealer: AuditSealer;
  auditTrimmer: AuditTrimmer;
  targets: TargetRegistry;
  joinToken: string;
  /** What other processes tell of tasks. */
  signals: Signals;
  close(): Promise<void>;
}

/** Opens the metadata database at its newest schema, and the keys. */
export async function openControlPlane(config: Config, metadata: MetadataConnection, log: Log): Promise<ControlPlane> {
  const db = createMetadataPool({
    ...metadata,
    onIdleError: (error) => log.warn({ err: error }, 'an idle connection to the metadata database broke'),
  });
  try {
    await migrateMetadata(db, (text) => log.debug(text));
    const keyring = await ensureKeyring(config.files.sealKeyring);
    const sealer = createSealer(keyring);
    const joinToken = await ensureJoinToken(config.files.joinToken);
    const installationId = await ensureInstallationId(db);
    const targets = createTargetRegistry({ load: (name) => loadTarget({ db, sealer }, name) });
    const signals = createSignals(metadata);
    const mac = createChainMac(keyring);
    const audit = { db, installationId, mac, anchorFile: config.files.auditAnchors, log };
    return {
      db,
      signals,
      installationId,
      sealer,
      auditSealer: createAuditSealer(audit),
      auditTrimmer: createAuditTrimmer(audit),
      targets,
      joinToken,
      async close() {
        await signals.close();
        await targets.close();
        await db.end();
      },
    };
  } catch (error) {
    await db.end();
    throw error;
  }
}
