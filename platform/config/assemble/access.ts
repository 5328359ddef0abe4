import type { AuthConfig, Config, PasswordSource } from '../config.ts';
import { isLoopback, LOOPBACK } from '../loopback.ts';
import type { OptionValues } from '../parse-options.ts';

/** What is missing of the pair is reported as a conflict. */
export function defaultAdminOf(set: OptionValues, path: (value: string) => string): Pick<Config, 'defaultAdmin'> {
  const { PG_ADMIN_USER: user, PG_ADMIN_PASS: text, PG_ADMIN_PASS_FILE: file } = set;
  const password = passwordSource({ text, file }, path);
  return user === undefined || password === undefined ? {} : { defaultAdmin: { user, password } };
}

/** What is missing of a pair or an issuer is reported as a conflict. */
export function authOf(set: OptionValues, path: (value: string) => string): AuthConfig {
  const { PG_API_USER: user, PG_API_PASS: text, PG_API_PASS_FILE: file } = set;
  const password = passwordSource({ text, file }, path);
  const { PGSTEWARD_OIDC_ISSUER: issuer, PGSTEWARD_OIDC_AUDIENCE: audience, PGSTEWARD_OIDC_ROLES: grants } = set;
  return {
    mode: set.PGSTEWARD_AUTH ?? (isLoopback(set.PGSTEWARD_DEV_ADDRESS ?? LOOPBACK) ? 'open-loopback' : 'required'),
    ...(user === undefined || password === undefined ? {} : { basic: { user, password } }),
    ...(issuer === undefined || audience === undefined || grants === undefined
      ? {}
      : { oidc: { issuer, audience, claim: set.PGSTEWARD_OIDC_CLAIM ?? 'groups', grants } }),
  };
}

function passwordSource(
  set: { text: string | undefined; file: string | undefined },
  path: (value: string) => string,
): PasswordSource | undefined {
  if (set.file !== undefined) return { kind: 'file', file: path(set.file) };
  return set.text === undefined ? undefined : { kind: 'text', text: set.text };
}
