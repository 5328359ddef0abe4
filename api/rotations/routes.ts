import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { lastRuns, listRuns } from '../../store/rotation-runs.ts';
import { listRotations } from '../../store/rotations.ts';
import { namesInScope } from '../access/may-use.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ServerApiDeps } from '../deps.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, notJson, refused, tooLarge } from '../schemas/responses.ts';
import {
  changeRotationSchema,
  createRotationSchema,
  rotationDetailSchema,
  rotationListSchema,
  rotationPageSchema,
  rotationSchema,
  rotationSecretSchema,
  runPageSchema,
  triggeredSchema,
} from '../schemas/rotation.ts';
import { refuseSpeculation } from '../speculative-requests.ts';
import { changeRotation, createRotation, deleteRotation, pauseRotation, requireRotation } from './changes.ts';
import { nextRun } from './next.ts';
import { renderRotation, renderRun } from './render.ts';
import { revealRotation } from './secret.ts';
import { triggerRotation } from './trigger.ts';

const params = z.object({ rotation_id: z.uuid().openapi({ param: { name: 'rotation_id', in: 'path' } }) });
const forbidden = refused(
  'The role or the scope of the caller does not allow it, or a rule of whose password may be changed.',
);
const notFound = refused('There is no such rotation of the caller, or no such role.');
const conflict = refused('The role has a rotation, a run is under way, or the Idempotency-Key was used otherwise.');
const unavailable = refused('The server does not answer; try again.');
const bodyRefusals = { 413: tooLarge, 415: notJson };
const usual = { 400: malformed, 403: forbidden, 404: notFound };
const one = '/v1/rotations/{rotation_id}';

const createRotationRoute = createRoute({
  method: 'post',
  path: '/v1/rotations',
  summary: 'Define how and when the password of a role is changed',
  middleware: [requireJsonBody()] as const,
  request: {
    headers: idempotencyHeaders,
    body: jsonBody(createRotationSchema),
  },
  responses: { 201: json(rotationSchema, 'Defined.'), ...usual, 409: conflict, 503: unavailable, ...bodyRefusals },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/rotations',
  summary: 'Rotations, newest first',
  request: { query: rotationPageSchema },
  responses: { 200: json(rotationListSchema, 'A page of rotations.'), 400: malformed, 403: forbidden },
});

const getRoute = createRoute({
  method: 'get',
  path: one,
  summary: 'One rotation: the last run, the next one, and the history',
  request: { params, query: runPageSchema },
  responses: { 200: json(rotationDetailSchema, 'The rotation.'), ...usual },
});

const changeRoute = createRoute({
  method: 'patch',
  path: one,
  summary: 'Change a rotation: what is left out stays',
  middleware: [requireJsonBody()] as const,
  request: {
    params,
    headers: idempotencyHeaders,
    body: jsonBody(changeRotationSchema),
  },
  responses: { 200: json(rotationSchema, 'As it is now.'), ...usual, 409: conflict, ...bodyRefusals },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: one,
  summary: 'Remove a rotation; the role keeps its password',
  request: { params, headers: idempotencyHeaders },
  responses: { 200: json(rotationSchema, 'As it was.'), ...usual, 409: conflict },
});

const switchRoute = (word: 'pause' | 'resume', summary: string) =>
  createRoute({
    method: 'post',
    path: `${one}/${word}`,
    summary,
    request: { params, headers: idempotencyHeaders },
    responses: { 200: json(rotationSchema, 'As it is now.'), ...usual, 409: conflict },
  });
const pauseRoute = switchRoute('pause', 'Stop the schedule; what is under way goes on');
const resumeRoute = switchRoute('resume', 'Go on with the schedule');

const triggerRoute = createRoute({
  method: 'post',
  path: `${one}/trigger`,
  summary: 'Rotate now',
  request: { params, headers: idempotencyHeaders },
  responses: {
    202: json(triggeredSchema, 'Accepted, or shared with a run under way; the task says what becomes of it.'),
    ...usual,
    409: conflict,
  },
});

const secretRoute = createRoute({
  method: 'post',
  path: `${one}/secret`,
  summary: 'The current password: in the answer with an Idempotency-Key, else behind a link that shows it once',
  middleware: [refuseSpeculation()] as const,
  request: { params, headers: idempotencyHeaders },
  responses: { 200: json(rotationSecretSchema, 'How it is given.'), ...usual, 409: conflict },
});

/** Rotations of passwords. */
export function rotationRoutes(deps: ServerApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(createRotationRoute, async (c) =>
    c.json(await createRotation(deps, callerOf(c), c.req.valid('json')), 201),
  );

  app.openapi(listRoute, async (c) => {
    const { server: serverName, after_rotation_id: after, limit, sort_order: order } = c.req.valid('query');
    const serverNames = namesInScope(callerOf(c), 'servers');
    const found = await listRotations(deps.db, { serverName, serverNames }, { after, limit, order });
    const page = found.slice(0, limit);
    const last = await lastRuns(
      deps.db,
      page.map(({ id }) => id),
    );
    const rotations = page.map((rotation) => renderRotation(rotation, last.get(rotation.id)));
    return c.json({ rotations, has_more: found.length > limit }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const rotation = await requireRotation(deps, callerOf(c), c.req.valid('param').rotation_id);
    const { after_run_id: afterId, runs: limit } = c.req.valid('query');
    const [last, runs] = await Promise.all([
      lastRuns(deps.db, [rotation.id]),
      listRuns(deps.db, { rotationId: rotation.id, afterId, limit }),
    ]);
    const newest = last.get(rotation.id);
    const next = await nextRun(deps, rotation, newest);
    return c.json({ ...renderRotation(rotation, newest), ...next, runs: runs.map(renderRun) }, 200);
  });

  app.openapi(changeRoute, async (c) => {
    const { rotation_id: id } = c.req.valid('param');
    return c.json(await changeRotation(deps, callerOf(c), { id, body: c.req.valid('json') }), 200);
  });

  app.openapi(deleteRoute, async (c) =>
    c.json(await deleteRotation(deps, callerOf(c), c.req.valid('param').rotation_id), 200),
  );

  app.openapi(pauseRoute, async (c) =>
    c.json(await pauseRotation(deps, callerOf(c), { id: c.req.valid('param').rotation_id, paused: true }), 200),
  );

  app.openapi(resumeRoute, async (c) =>
    c.json(await pauseRotation(deps, callerOf(c), { id: c.req.valid('param').rotation_id, paused: false }), 200),
  );

  app.openapi(triggerRoute, async (c) =>
    c.json(await triggerRotation(deps, callerOf(c), c.req.valid('param').rotation_id), 202),
  );

  app.openapi(secretRoute, async (c) => {
    const of = { id: c.req.valid('param').rotation_id, origin: new URL(c.req.url).origin };
    return c.json(await revealRotation(deps, callerOf(c), of), 200);
  });

  return app;
}
