import { z } from '@hono/zod-openapi';
import { pathIdentifier } from '../schemas/common.ts';
import { refused } from '../schemas/responses.ts';

/** Name of a role in a path: any that PostgreSQL can have. */
const roleName = (name: string) =>
  z
    .string()
    .min(1)
    .max(63)
    .openapi({ param: { name, in: 'path' }, example: 'reporting' });

export const serverParams = z.object({ name: pathIdentifier('name', 'host-1') });
export const roleParams = serverParams.extend({ role: roleName('role') });
export const memberParams = roleParams.extend({ member: roleName('member') });
export const notFound = refused('There is no such server, role or task.');
export const forbidden = refused(
  'The caller, or the admin role on the server, may not do this; the message says what is missing.',
);
export const unavailable = refused('The server does not answer, or the change takes longer; try again.');
