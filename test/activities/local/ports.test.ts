import { expect, it } from 'vitest';
import { PortBusy } from '../../../platform/local/port-busy.ts';
import { assertPortFree } from '../../../platform/local/ports.ts';
import { freePort, holdPort } from './state-directory.ts';

const wanted = { address: '127.0.0.1', variable: 'PGSTEWARD_METADATA_PORT', owner: 'the metadata server' };

it('a busy port names the port and the variable', async () => {
  const held = await holdPort();
  try {
    const error = await assertPortFree({ ...wanted, port: held.port }).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(PortBusy);
    expect(error).toMatchObject({ type: 'PortInUse', port: held.port, variable: 'PGSTEWARD_METADATA_PORT' });
    expect(String(error)).toMatch(new RegExp(`port ${held.port} is in use.*set PGSTEWARD_METADATA_PORT`));
  } finally {
    await held.close();
  }
});

it('a free port is left free', async () => {
  const port = await freePort();

  await assertPortFree({ ...wanted, port });
  await assertPortFree({ ...wanted, port });
});
