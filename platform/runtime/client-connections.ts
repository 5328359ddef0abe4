import { execFile } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** States in which a connection may carry a request: SYN_RECV, ESTABLISHED, CLOSE_WAIT (include/net/tcp_states.h). */
const OPEN_STATES: ReadonlySet<string> = new Set(['03', '01', '08']);
/** `ss` takes a few milliseconds; on a host with very many sockets it is no help. */
const SS_TIMEOUT_MS = 500;
/** The kernel's clock for these times ticks every 4 ms: within one tick, what came first cannot be told. */
const SAME_TICK_SETTLED_MS = 100;

/**
 * Connections of clients to `port`, in the network that the process of this pid sees. Read at once, without giving other
 * work a turn, so that a signal sent right afterwards comes within a fraction of a millisecond.
 * @returns undefined where the system does not show it
 */
export function countClientConnections({ pid, port }: { pid: number; port: number }): number | undefined {
  try {
    return ['tcp', 'tcp6']
      .map((table) => countOpen(readFileSync(`/proc/${pid}/net/${table}`, 'latin1'), port))
      .reduce((sum, count) => sum + count);
  } catch {
    return undefined;
  }
}

/** Lines of a table of proc_net_tcp(5): `sl local_address rem_address st …`, addresses as `<hex>:<port in hex>`. */
export function countOpen(table: string, port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table
    .split('\n')
    .slice(1)
    .filter((line) => {
      const [, address = '', , state = ''] = line.trim().split(/\s+/);
      return address.endsWith(local) && OPEN_STATES.has(state);
    }).length;
}

/**
 * How many of these connections have a request under way: it arrived after the last answer was sent, or the answer is not
 * yet sent altogether. So connections that clients keep open between their requests do not count.
 * @returns undefined where `ss` cannot be asked, or shows another network than that of the process
 */
export async function countBusyConnections({ pid, port }: { pid: number; port: number }): Promise<number | undefined> {
  try {
    if (readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync('/proc/self/ns/net')) return undefined;
    const args = ['-tinHO', 'state', 'established', `( sport = :${port} )`];
    const { stdout } = await run('ss', args, { timeout: SS_TIMEOUT_MS });
    return stdout.split('\n').filter((line) => line.trim() !== '' && isBusy(line)).length;
  } catch {
    return undefined;
  }
}

/** One line of `ss -tinO`: receive queue, send queue, addresses, and what the kernel knows about the connection. */
export function isBusy(line: string): boolean {
  const [receiveQueue = '', sendQueue = ''] = line.trim().split(/\s+/);
  if (receiveQueue !== '0' || sendQueue !== '0') return true;
  const figure = (name: string) => Number(new RegExp(`\\b${name}:(\\d+)`).exec(line)?.[1] ?? 0);
  if (figure('bytes_received') === 0) return false;
  if (figure('bytes_sent') === 0) return true;
  // Milliseconds since the last of each.
  const [sent, received] = [figure('lastsnd'), figure('lastrcv')];
  return sent === received ? received < SAME_TICK_SETTLED_MS : received < sent;
}
