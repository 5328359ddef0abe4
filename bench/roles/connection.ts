import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../platform/config/config.ts';

/** How to reach the target server as its superuser, over TLS; travels between processes. */
export interface Superuser {
  host: string;
  port: number;
  user: string;
  password: string;
  ssl: { ca: string };
}

/** File of the certificate authority that signed the target server's certificate. */
export const caFile = (config: Config): string => join(config.home, 'tls/ca/ca.crt');

/** The superuser of the target server of a development stack. */
export async function superuserOf(config: Config): Promise<Superuser> {
  const file = (name: string) => readFile(join(config.home, 'postgres', `${config.host.id}.${name}`), 'utf8');
  const [user, password] = await Promise.all([file('superuser'), file('password')]);
  const ca = await readFile(caFile(config), 'utf8');
  return { host: '127.0.0.1', port: config.targetPort, user: user.trim(), password: password.trim(), ssl: { ca } };
}
