import { z } from 'zod';
import { option, text } from './option.ts';

/** How an existing Temporal frontend is reached: names as in Temporal's own clients (`TEMPORAL_TLS…`). */
export const temporalOptions = {
  TEMPORAL_TLS: option({
    schema: z.enum(['true', 'false'], 'must be true or false').transform((value) => value === 'true'),
    default: '`true` with any of the settings below, otherwise `false`',
    meaning: 'Whether the frontend is reached over TLS, its certificate checked against the authorities of the system.',
  }),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: option({
    schema: text,
    default: 'the authorities of the system',
    meaning: 'Certificate authority of the frontend, in PEM form.',
  }),
  TEMPORAL_TLS_SERVER_NAME: option({
    schema: text,
    default: 'the one in `TEMPORAL_ADDRESS`',
    meaning: 'Name that the certificate of the frontend has to be for.',
  }),
  TEMPORAL_TLS_CLIENT_CERT_PATH: option({
    schema: text,
    default: 'none is shown',
    meaning: 'Certificate that this process shows to the frontend, in PEM form with its chain.',
  }),
  TEMPORAL_TLS_CLIENT_KEY_PATH: option({
    schema: text,
    default: 'none',
    meaning: 'Key of that certificate in PEM form, readable by its owner only.',
  }),
  TEMPORAL_API_KEY_FILE: option({
    schema: text,
    default: 'none is sent',
    meaning: 'File, readable by its owner only, with the API key for the frontend, as of Temporal Cloud.',
  }),
} as const;
