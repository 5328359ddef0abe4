import { isPortFree } from '../e2e/support/ports.ts';

/** Ports of one installation. */
export interface PortBlock {
  /** The first of twenty for servers and APIs. */
  control: number;
  services: { first: number; last: number };
}

const BLOCKS = 6;
const BLOCK_SIZE = 400;
const CONTROL_PORTS = 20;
/** Below what the system hands out by itself: a port has to be free again when its process is started again. */
const FIRST_PORT = 30_000;

/** A block that nobody uses. */
export async function portBlock(): Promise<PortBlock> {
  for (let index = 0; index < BLOCKS; index += 1) {
    const control = FIRST_PORT + ((index + process.pid) % BLOCKS) * BLOCK_SIZE;
    const wanted = Array.from({ length: CONTROL_PORTS }, (_, offset) => control + offset);
    if ((await Promise.all(wanted.map(isPortFree))).every(Boolean)) {
      return { control, services: { first: control + CONTROL_PORTS, last: control + BLOCK_SIZE - 1 } };
    }
  }
  throw new Error(`no ${CONTROL_PORTS} free ports in a row from ${FIRST_PORT} on`);
}
