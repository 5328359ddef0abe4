import type { Config } from '../../platform/config/config.ts';
import { loadKeyring } from '../../platform/secrets/keyring.ts';
import { createEncryptionCodec } from '../../platform/temporal/codec.ts';
import { createCodecServer } from '../../platform/temporal/codec-server.ts';

/** Decrypts payloads for people. */
export interface UiCodec {
  url: string;
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';

/**
 * Serves decryption of payloads on loopback, to pages of our own Temporal UI only. It starts before that UI, which is
 * told its address; undefined with a Temporal server that is not ours.
 */
export async function startUiCodec(config: Config): Promise<UiCodec | undefined> {
  const { namespace, codecPort, server: temporal } = config.temporal;
  if (temporal.kind === 'existing') return undefined;
  const codec = createEncryptionCodec({ keyring: await loadKeyring(config.files.codecKeyring), namespace });
  const server = createCodecServer({
    codecFor: (name) => (name === namespace ? codec : undefined),
    uiOrigins: [LOOPBACK, 'localhost'].map((name) => `http://${name}:${temporal.uiPort}`),
    address: LOOPBACK,
    port: codecPort,
  });
  const { address, port } = await server.listen();
  return { url: `http://${address}:${port}`, close: () => server.close() };
}
