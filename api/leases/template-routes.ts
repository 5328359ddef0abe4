import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { findTemplate, listTemplates } from '../../store/lease-templates.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import { changeTemplateSchema, createTemplateSchema, templateListSchema, templateSchema } from '../schemas/lease.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, notAllowed, notJson, refused, tooLarge } from '../schemas/responses.ts';
import type { LeaseDeps } from './deps.ts';
import { renderTemplate } from './render.ts';
import { changeTemplate, createTemplate, removeTemplate } from './templates.ts';
import { noSuchTemplate, seesTemplate } from './visible.ts';

const params = z.object({ template_id: z.uuid().openapi({ param: { name: 'template_id', in: 'path' } }) });
const notFound = refused('There is no such template or server.');
const taken = refused('Another template has the name, or the Idempotency-Key was used otherwise.');
const answers = { 400: malformed, 403: notAllowed, 404: notFound };
const bodyRefusals = { 409: taken, 413: tooLarge, 415: notJson };

const listRoute = createRoute({
  method: 'get',
  path: '/v1/lease-templates',
  summary: 'Lease templates that the caller may see, by name',
  responses: { 200: json(templateListSchema, 'Members see those that they may use.'), 403: notAllowed },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/lease-templates/{template_id}',
  summary: 'One lease template',
  request: { params },
  responses: { 200: json(templateSchema, 'The template.'), ...answers },
});

const addRoute = createRoute({
  method: 'post',
  path: '/v1/lease-templates',
  summary: 'Add a lease template',
  middleware: [requireJsonBody()] as const,
  request: {
    headers: idempotencyHeaders,
    body: jsonBody(createTemplateSchema),
  },
  responses: { 201: json(templateSchema, 'Added.'), ...answers, ...bodyRefusals },
});

const changeRoute = createRoute({
  method: 'patch',
  path: '/v1/lease-templates/{template_id}',
  summary: 'Change a lease template: what is left out stays, and so do leases that it has given',
  middleware: [requireJsonBody()] as const,
  request: {
    params,
    headers: idempotencyHeaders,
    body: jsonBody(changeTemplateSchema),
  },
  responses: { 200: json(templateSchema, 'As it is now.'), ...answers, ...bodyRefusals },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/lease-templates/{template_id}',
  summary: 'Remove a lease template; leases that it has given stay',
  request: { params, headers: idempotencyHeaders },
  responses: { 200: json(templateSchema, 'As it was.'), ...answers, 409: taken },
});

/** Templates of leases. */
export function leaseTemplateRoutes(deps: LeaseDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(listRoute, async (c) => {
    const caller = callerOf(c);
    const templates = (await listTemplates(deps.db)).filter((template) => seesTemplate(caller, template));
    return c.json({ templates: templates.map(renderTemplate) }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const template = await findTemplate(deps.db, { id: c.req.valid('param').template_id });
    if (template === undefined || !seesTemplate(callerOf(c), template)) throw noSuchTemplate();
    return c.json(renderTemplate(template), 200);
  });

  app.openapi(addRoute, async (c) => c.json(await createTemplate(deps, callerOf(c), c.req.valid('json')), 201));

  app.openapi(changeRoute, async (c) => {
    const { template_id: id } = c.req.valid('param');
    return c.json(await changeTemplate(deps, callerOf(c), { id, body: c.req.valid('json') }), 200);
  });

  app.openapi(deleteRoute, async (c) =>
    c.json(await removeTemplate(deps, callerOf(c), c.req.valid('param').template_id), 200),
  );

  return app;
}
