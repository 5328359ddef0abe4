/** Longest time that a link to a password may wait to be opened, in hours: a week. */
export const MAX_HANDOVER_HOURS = 168;

/** What a link to a password shows, once. */
export interface HandedOver {
  username: string;
  password: string;
  hostname: string;
  database: string;
  port: string;
  env: string;
}

/** What is sealed behind a link. */
export interface SealedHandover {
  token: string;
  shown: HandedOver;
}

/** Id and owner of the secret that a link shows. */
export const handoverSecretId = (id: string): string => `handover/${id}`;

/** @param baseUrl scheme and authority, with or without a slash at the end */
export function handoverUrl(baseUrl: string, token: string): string {
  return `${baseUrl.replace(/\/+$/, '')}/api/v1/handover/${token}`;
}
