import type { Config } from '../platform/config/config.ts';
import { loadKeyring } from '../platform/secrets/keyring.ts';
import { createEncryptionCodec } from '../platform/temporal/codec.ts';
import { createCodecServer } from '../platform/temporal/codec-server.ts';

/** Decrypts payloads for people. */
export interface UiCodec {
  url: string;
  close(): Promise<void>;
}

/**
 * Serves decryption of payloads to pages of the Temporal UI only, whose origins the configuration names.
 * @param address loopback, except in a container
 */
export async function startUiCodec(config: Config, address: string): Promise<UiCodec> {
  const { namespace, codecPort, uiOrigins } = config.temporal;
  const codec = createEncryptionCodec({ keyring: await loadKeyring(config.files.codecKeyring), namespace });
  const server = createCodecServer({
    codecFor: (name) => (name === namespace ? codec : undefined),
    uiOrigins,
    address,
    port: codecPort,
  });
  const { port } = await server.listen();
  return { url: `http://${reachable(address)}:${port}`, close: () => server.close() };
}

/** The wildcard of a container stands for its ports that are published on loopback. */
export function reachable(address: string): string {
  return address === '0.0.0.0' ? '127.0.0.1' : address;
}
