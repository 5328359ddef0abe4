import { BlockList, isIP } from 'node:net';

/** Where this machine reaches itself. */
export const LOOPBACK = '127.0.0.1';

/** Whether only this machine reaches an address. */
export function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family === 0 ? address === 'localhost' : loopback.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');
