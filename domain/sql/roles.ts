import type { RoleAttribute } from '../spec/role-attributes.ts';
import { quoteIdentifier, quoteLiteral } from './quote.ts';

interface RoleDefinition {
  name: string;
  attributes: readonly RoleAttribute[];
  /** SCRAM verifier: plain text never reaches a server. */
  verifier?: string;
  comment: string;
}

/** CREATE ROLE with its comment. Without LOGIN among the attributes the role cannot log in. */
export function createRole(role: RoleDefinition): string {
  return define('CREATE ROLE', role);
}

/** Gives an existing role the attributes, the verifier and the comment. */
export function alterRole(role: RoleDefinition): string {
  return define('ALTER ROLE', role);
}

function define(command: 'CREATE ROLE' | 'ALTER ROLE', role: RoleDefinition): string {
  const name = quoteIdentifier(role.name);
  // PostgreSQL refuses `LOGIN NOLOGIN` as conflicting options.
  const attributes = role.attributes.includes('LOGIN') ? role.attributes : ['NOLOGIN', ...role.attributes];
  const password = role.verifier === undefined ? '' : ` PASSWORD ${quoteLiteral(role.verifier)}`;
  return (
    `${command} ${name} WITH ${[...new Set(attributes)].join(' ')}${password};` +
    ` COMMENT ON ROLE ${name} IS ${quoteLiteral(role.comment)}`
  );
}

/** ALTER ROLE with attributes alone: what is not listed stays as it is. */
export function setAttributes(name: string, attributes: readonly RoleAttribute[]): string {
  return `ALTER ROLE ${quoteIdentifier(name)} WITH ${attributes.join(' ')}`;
}

/** Takes the password away: nobody logs in under it any more. */
export function clearPassword(name: string): string {
  return `ALTER ROLE ${quoteIdentifier(name)} WITH PASSWORD NULL`;
}

/** ALTER ROLE … PASSWORD with a verifier. */
export function setVerifier(name: string, verifier: string): string {
  return `ALTER ROLE ${quoteIdentifier(name)} WITH PASSWORD ${quoteLiteral(verifier)}`;
}

/** Opens a role for logins; with a verifier, under that password. */
export function openLogin(name: string, verifier?: string): string {
  const password = verifier === undefined ? '' : ` PASSWORD ${quoteLiteral(verifier)}`;
  return `ALTER ROLE ${quoteIdentifier(name)} WITH LOGIN${password}`;
}

/** Takes back what {@link openLogin} gave to a role that had no login, no password, or neither. */
export function closeLogin(name: string, had: { login: boolean; password: boolean }): string {
  const options = [...(had.login ? [] : ['NOLOGIN']), ...(had.password ? [] : ['PASSWORD NULL'])];
  return `ALTER ROLE ${quoteIdentifier(name)} WITH ${options.join(' ')}`;
}

export function setNoLogin(name: string): string {
  return `ALTER ROLE ${quoteIdentifier(name)} WITH NOLOGIN`;
}

export function setNoInherit(name: string): string {
  return `ALTER ROLE ${quoteIdentifier(name)} WITH NOINHERIT`;
}

/**
 * Membership with its options written out. Before 16 they are an attribute of the member (INHERIT) or always on (SET),
 * and a repeated plain GRANT would not change them (a trap of 16+).
 */
export function grantMembership(grant: {
  role: string;
  member: string;
  inherit: boolean;
  serverVersion: number;
}): string {
  const options = grant.serverVersion >= 160_000 ? ` WITH INHERIT ${grant.inherit ? 'TRUE' : 'FALSE'}, SET TRUE` : '';
  return `GRANT ${quoteIdentifier(grant.role)} TO ${quoteIdentifier(grant.member)}${options}`;
}

/** Ends a membership that this control plane granted. */
export function revokeMembership(role: string, member: string): string {
  return `REVOKE ${quoteIdentifier(role)} FROM ${quoteIdentifier(member)}`;
}
