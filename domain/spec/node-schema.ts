import { z } from 'zod';
import { hostIds, postgresVersionText, unsupported } from './members.ts';

/** One entry of `nodes`: hosts whose servers form one replication group. */
export const nodeSchema = z.object({
  name: z.string().regex(/^n[0-9]{1,9}$/),
  host_ids: hostIds,
  postgres_version: postgresVersionText.optional(),
  orchestrator_opts: unsupported,
  port: unsupported,
  patroni_port: unsupported,
  cpus: unsupported,
  memory: unsupported,
  postgresql_conf: unsupported,
  pg_hba_conf: unsupported,
  pg_ident_conf: unsupported,
  source_node: unsupported,
  backup_config: unsupported,
  restore_config: unsupported,
});
