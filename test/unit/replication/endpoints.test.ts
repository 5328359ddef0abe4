import { describe, expect, test } from 'vitest';
import { coLocatedFirst, locateEndpoint, type ServerHost } from '../../../domain/replication/endpoints.ts';

const [one, two, three] = [
  { address: '10.0.0.1', port: 5432 },
  { address: '10.0.0.2', port: 5432 },
  { address: '10.0.0.2', port: 5433 },
];
const host = (addresses: string[], postgres: { endpoint?: typeof one } = {}): ServerHost => ({
  id: 'host-1',
  facts: { addresses, postgres },
});

describe('the endpoint of a host', () => {
  test('is the only one there is, wherever that is', () => {
    expect(locateEndpoint(host(['192.0.2.1']), [one])).toEqual({ endpoint: one });
    expect(locateEndpoint({ id: 'host-1', facts: null }, [one])).toEqual({ endpoint: one });
  });

  test('is the one at an address of the host', () => {
    expect(locateEndpoint(host(['192.0.2.1', '10.0.0.2']), [one, two])).toEqual({ endpoint: two });
  });

  test('is the one that the worker was told, also beside others at its address', () => {
    expect(locateEndpoint(host(['10.0.0.2'], { endpoint: three }), [one, two, three])).toEqual({ endpoint: three });
  });

  test('is not guessed', () => {
    expect(locateEndpoint(host(['10.0.0.2']), [one, two, three])).toEqual({
      problem: expect.stringMatching(/several .* PGSTEWARD_HOST_POSTGRES_ENDPOINT/),
    });
    expect(locateEndpoint(host(['10.0.0.9']), [one, two])).toEqual({ problem: expect.stringMatching(/^none of/) });
    expect(locateEndpoint(host(['10.0.0.2'], { endpoint: { address: '10.0.0.2', port: 1 } }), [one, two])).toEqual({
      problem: expect.stringMatching(/10\.0\.0\.2:1 .* is none of the registered ones/),
    });
  });
});

test('a service asks the endpoint on its own host first, and the others in their order', () => {
  expect(coLocatedFirst(host(['10.0.0.2']), [one, two])).toEqual([two, one]);
  expect(coLocatedFirst(host(['10.0.0.9']), [one, two])).toEqual([one, two]);
});
