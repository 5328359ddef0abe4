import { takesBasic } from '../access/identity.ts';
import type { RouteRule } from '../access/rules.ts';

/** How callers make themselves known. */
export const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'A token of this installation, or a JWT of the issuer that is set up.',
  },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'The same token.' },
  basic: { type: 'http', scheme: 'basic', description: 'Below /api/v1, where a pair is set up.' },
} as const;

/**
 * What an operation asks of its caller, from the table of rules: one of the schemes, with the roles of which the caller needs one.
 * `{}` is nobody: for everyone, or on the loopback listener of the development stack.
 */
export function securityOf(path: string, rule: RouteRule): Record<string, string[]>[] {
  if (rule.roles === 'anyone') return [{}];
  const roles = [...rule.roles];
  const schemes = ['bearer', 'apiKey', ...(takesBasic(path) ? ['basic'] : [])];
  const known = schemes.map((scheme) => ({ [scheme]: roles }));
  return rule.openOnLoopback === true ? [...known, {}] : known;
}

/** The same in words, for people. */
export function whoMay({ roles, subject, openOnLoopback }: RouteRule): string {
  if (roles === 'anyone') return 'Anyone.';
  const who = `Roles: ${roles.join(', ')}.`;
  const scope = subject === 'installation' ? ' Only without a scope.' : '';
  return `${who}${scope}${openOnLoopback === true ? ' Open on the loopback listener of the development stack.' : ''}`;
}
