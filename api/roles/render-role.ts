import type { z } from '@hono/zod-openapi';
import type { ObservedRole, ObservedServer } from '../../domain/access/observed.ts';
import { parseTaskMarker } from '../../domain/marker.ts';
import type { roleDetailSchema, roleSchema } from '../schemas/access.ts';

/** @param owners what this control plane manages roles for, by role name */
export function renderRole(role: ObservedRole, owners: ReadonlyMap<string, string>): z.infer<typeof roleSchema> {
  const { connectionLimit, validUntil, ...attributes } = role.attributes;
  const owner = owners.get(role.name);
  return {
    name: role.name,
    ...attributes,
    connection_limit: connectionLimit,
    valid_until: validUntil === 'infinity' ? null : validUntil,
    // The marker of the request that made it is nobody's comment.
    comment: parseTaskMarker(role.comment) === undefined ? role.comment : null,
    password: role.password,
    ...(owner === undefined ? {} : { owner }),
  };
}

export function renderRoleDetail(
  role: ObservedRole,
  observed: ObservedServer,
  owners: ReadonlyMap<string, string>,
): z.infer<typeof roleDetailSchema> {
  return {
    ...renderRole(role, owners),
    member_of: observed.memberships.filter(({ member }) => member === role.name),
    members: observed.memberships.filter((membership) => membership.role === role.name),
    settings: observed.settings
      .filter((setting) => setting.role === role.name)
      .map(({ name, value, database }) => ({ name, value, ...(database === null ? {} : { database }) })),
  };
}
