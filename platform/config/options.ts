import { API_OPTIONS } from './options/api.ts';
import { CREDENTIAL_OPTIONS } from './options/credentials.ts';
import { HOST_OPTIONS } from './options/host.ts';
import { RUNNING_OPTIONS } from './options/running.ts';
import { SERVER_OPTIONS } from './options/servers.ts';

/** Every environment variable that this program reads, in the order in which documentation lists them. */
export const OPTIONS = {
  ...API_OPTIONS,
  ...SERVER_OPTIONS,
  ...HOST_OPTIONS,
  ...RUNNING_OPTIONS,
  ...CREDENTIAL_OPTIONS,
};

/** Name of an environment variable that this program reads. */
export type OptionName = keyof typeof OPTIONS;
