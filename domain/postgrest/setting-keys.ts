import type { PostgrestSettings } from '../services.ts';

/** Which key of postgrest.conf holds each setting. */
const KEYS = {
  schemas: 'db-schemas',
  anonymousRole: 'db-anon-role',
  pool: 'db-pool',
  maxRows: 'db-max-rows',
  jwtAudience: 'jwt-aud',
  jwtRoleClaimKey: 'jwt-role-claim-key',
  corsAllowedOrigins: 'server-cors-allowed-origins',
  preRequest: 'db-pre-request',
  channel: 'db-channel',
} as const satisfies Record<keyof PostgrestSettings, string>;

/** The settings that are given, by their keys in postgrest.conf, each as text that can be compared. */
export function settingKeys(settings: PostgrestSettings): Map<string, string> {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  return new Map(given.map(([name, value]) => [KEYS[name as keyof typeof KEYS], JSON.stringify(value)]));
}
