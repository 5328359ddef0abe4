import { describe, expect, test } from 'vitest';
import { instanceCondition } from '../../../api/nodes/instance-condition.ts';
import { Failure } from '../../../domain/failures.ts';
import type { EndpointAnswer } from '../../../platform/target/primary.ts';
import type { HostRecord } from '../../../store/hosts.ts';
import type { ServerRecord } from '../../../store/servers.ts';

const endpoints = ['10.0.0.1', '10.0.0.2'].map((address) => ({ address, port: 5432 }));
const server = { name: 's', systemIdentifier: '7', endpoints, versionNum: 180_004 } as unknown as ServerRecord;
const hostAt = (address: string) => ({ id: 'host-1', facts: { addresses: [address] } }) as unknown as HostRecord;
const answer = (index: number, state: EndpointAnswer['state'], more: Partial<EndpointAnswer> = {}): EndpointAnswer => ({
  endpoint: endpoints[index] ?? { address: '', port: 0 },
  state,
  systemIdentifier: '7',
  versionNum: 170_002,
  ...more,
});
const judge = (answers: EndpointAnswer[] | undefined, address = '10.0.0.2', alone = false) => {
  const topology = answers && { askedAt: new Date(), answers };
  const { state, role, error } = instanceCondition({ host: hostAt(address), server, topology, alone });
  return { state, role, error };
};

describe('an instance is shown', () => {
  const primary = answer(0, 'primary');

  test('as what its server says', () => {
    expect(judge([primary], '10.0.0.1')).toEqual({ state: 'available', role: 'primary', error: undefined });
    const position = { timeline: 1, receiving: true, position: 1 };
    expect(judge([primary, answer(1, 'standby', { replication: position })])).toMatchObject({
      state: 'available',
      role: 'replica',
    });
  });

  test('as degraded where a standby receives nothing, or where two servers take changes', () => {
    const position = { timeline: 1, receiving: false, position: 1 };
    expect(judge([primary, answer(1, 'standby', { replication: position })])).toMatchObject({ state: 'degraded' });
    expect(judge([primary, answer(1, 'primary')])).toEqual({
      state: 'degraded',
      role: 'primary',
      error: expect.stringMatching(/beside another one/),
    });
  });

  test('without a role where a former primary is fenced, and as the primary where nobody else is', () => {
    expect(judge([primary, answer(1, 'read_only')])).toMatchObject({ state: 'degraded', role: undefined });
    expect(judge([answer(1, 'read_only')])).toMatchObject({ state: 'degraded', role: 'primary' });
  });

  test('as unknown where nobody answers, and as failed where another cluster does', () => {
    const failure = new Failure('ServerUnavailable', 'nobody is there');
    expect(judge([primary, answer(1, 'unreachable', { failure })])).toMatchObject({
      state: 'unknown',
      role: undefined,
    });
    expect(judge(undefined)).toMatchObject({ state: 'unknown', role: undefined });
    expect(judge([primary, answer(1, 'primary', { systemIdentifier: '8' })])).toMatchObject({ state: 'failed' });
  });

  test('at the primary where the only host of a node has no endpoint of its own', () => {
    expect(judge([answer(1, 'primary')], '192.0.2.1', true)).toMatchObject({ state: 'available', role: 'primary' });
    expect(judge([answer(1, 'primary')], '192.0.2.1', false)).toMatchObject({ state: 'unknown' });
  });
});
