import { IDENTIFIER_MAX_LENGTH } from '../identifiers.ts';

const DEFAULT_PORT = 5432;

/**
 * Names for a server that is registered without one, best first: the host's short name, with its port where that is not 5432, the
 * whole host name, and then with numbers. Endless: somebody may have taken any of them.
 */
export function* serverNamesFor(endpoint: { hostname: string; port: number }): Generator<string, never> {
  const { hostname, port } = endpoint;
  const suffix = port === DEFAULT_PORT ? '' : `-${port}`;
  const isName = /[a-z]/i.test(hostname) && !hostname.includes(':');
  const whole = identifierOf(hostname);
  const short = isName ? identifierOf(hostname.split('.')[0] ?? '') : whole;
  yield join(short, suffix);
  if (whole !== short) yield join(whole, suffix);
  for (let number = 2; ; number += 1) yield join(short, `${suffix}-${number}`);
}

function identifierOf(text: string): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return name === '' ? 'server' : name;
}

function join(name: string, suffix: string): string {
  return name.slice(0, IDENTIFIER_MAX_LENGTH - suffix.length).replace(/-$/, '') + suffix;
}
