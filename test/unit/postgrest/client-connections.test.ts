import { expect, test } from 'vitest';
import { countOpen, isBusy } from '../../../platform/runtime/client-connections.ts';

/** Tables and lines as Linux 6 and iproute2 6 print them. */
const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0C1C 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65532        0 1 1 0 100 0 0 10 0
   1: 0100007F:0C1C 0100007F:D431 01 00000000:00000000 00:00000000 00000000 65532        0 2 1 0 20 4 30 10 -1
   2: 0100007F:0C1C 0100007F:D432 08 00000000:00000000 00:00000000 00000000 65532        0 3 1 0 20 4 30 10 -1
   3: 0100007F:0C1C 0100007F:D433 06 00000000:00000000 03:00000F2A 00000000     0        0 0 3 0
   4: 0100007F:D431 0100007F:0C1C 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 20 4 30 10 -1
   5: 0100007F:1538 0100007F:D434 01 00000000:00000000 00:00000000 00000000     0        0 5 1 0 20 4 30 10 -1
`;

test('connections to the port count, and neither those from it, its listener nor ended ones', () => {
  expect(countOpen(TABLE, 3100)).toBe(2);
  expect(countOpen(TABLE, 5432)).toBe(1);
  expect(countOpen(TABLE, 9999)).toBe(0);
});

const line = (queues: string, rest: string) =>
  `${queues} 127.0.0.1:3100 127.0.0.1:54321 cubic wscale:7,7 rto:204 rtt:0.1/0.05 ${rest}`;

test.each([
  ['nothing was received', '0 0', 'lastsnd:900 lastrcv:900 lastack:900', false],
  ['received and not answered', '0 0', 'bytes_received:90 lastsnd:900 lastrcv:800 lastack:800', true],
  ['answered after it', '0 0', 'bytes_sent:300 bytes_acked:300 bytes_received:90 lastsnd:700 lastrcv:800', false],
  [
    'asked again after the answer',
    '0 0',
    'bytes_sent:300 bytes_acked:300 bytes_received:180 lastsnd:700 lastrcv:20',
    true,
  ],
  ['an answer that is not sent yet', '0 2048', 'bytes_sent:300 bytes_received:90 lastsnd:2 lastrcv:50', true],
  ['a request that is not read yet', '90 0', 'bytes_sent:300 bytes_received:180 lastsnd:50 lastrcv:60', true],
  ['both just now', '0 0', 'bytes_sent:300 bytes_received:180 lastsnd:12 lastrcv:12', true],
  ['both a while ago', '0 0', 'bytes_sent:300 bytes_received:180 lastsnd:4000 lastrcv:4000', false],
])('a connection with %s', (_what, queues, rest, busy) => {
  expect(isBusy(line(queues, rest))).toBe(busy);
});
