import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { findChannel, listChannels } from '../../store/notification-channels.ts';
import { listDeliveries } from '../../store/notification-deliveries.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import {
  changeChannelSchema,
  channelListSchema,
  channelSchema,
  channelTestSchema,
  createChannelSchema,
  deliveryListSchema,
  deliveryPageSchema,
} from '../schemas/notification.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, notJson, refused, tooLarge } from '../schemas/responses.ts';
import { acceptTest } from './accept-test.ts';
import { acceptChange, acceptCreate, acceptDelete, noSuchChannel } from './channels.ts';
import { renderChannel, renderDelivery } from './render.ts';

const params = z.object({ channel_id: z.uuid().openapi({ param: { name: 'channel_id', in: 'path' } }) });
const forbidden = refused('Only an administrator may.');
const notFound = refused('There is no such channel.');
const taken = refused('Another channel has the name, or the Idempotency-Key was used otherwise.');
const bodyRefusals = { 413: tooLarge, 415: notJson };

const addRoute = createRoute({
  method: 'post',
  path: '/v1/notifications/channels',
  summary: 'Add a channel that messages about events go to',
  middleware: [requireJsonBody()] as const,
  request: {
    headers: idempotencyHeaders,
    body: jsonBody(createChannelSchema),
  },
  responses: { 201: json(channelSchema, 'Added.'), 400: malformed, 403: forbidden, 409: taken, ...bodyRefusals },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/notifications/channels',
  summary: 'All notification channels',
  responses: { 200: json(channelListSchema, 'By name, without secrets.'), 403: forbidden },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/notifications/channels/{channel_id}',
  summary: 'One notification channel',
  request: { params },
  responses: {
    200: json(channelSchema, 'The channel, without its secret.'),
    400: malformed,
    403: forbidden,
    404: notFound,
  },
});

const changeRoute = createRoute({
  method: 'patch',
  path: '/v1/notifications/channels/{channel_id}',
  summary: 'Change a notification channel: what is left out stays',
  middleware: [requireJsonBody()] as const,
  request: {
    params,
    headers: idempotencyHeaders,
    body: jsonBody(changeChannelSchema),
  },
  responses: {
    200: json(channelSchema, 'As it is now.'),
    400: malformed,
    403: forbidden,
    404: notFound,
    409: taken,
    ...bodyRefusals,
  },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/notifications/channels/{channel_id}',
  summary: 'Remove a notification channel; what is pending is not sent',
  request: { params, headers: idempotencyHeaders },
  responses: {
    200: json(channelSchema, 'As it was.'),
    400: malformed,
    403: forbidden,
    404: notFound,
    409: refused('The Idempotency-Key was used otherwise.'),
  },
});

const testRoute = createRoute({
  method: 'post',
  path: '/v1/notifications/channels/{channel_id}/test',
  summary: 'Send a test message, on the way that all others go',
  request: { params, headers: idempotencyHeaders },
  responses: {
    202: json(channelTestSchema, 'Accepted; the list of deliveries says what becomes of it.'),
    400: malformed,
    403: forbidden,
    404: notFound,
    409: refused('The channel is disabled, or the Idempotency-Key was used otherwise.'),
  },
});

const deliveriesRoute = createRoute({
  method: 'get',
  path: '/v1/notifications/deliveries',
  summary: 'Messages and what became of them, newest first',
  request: { query: deliveryPageSchema },
  responses: { 200: json(deliveryListSchema, 'A page of messages.'), 400: malformed, 403: forbidden },
});

/** Channels of notifications, and what is sent to them. */
export function notificationRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(addRoute, async (c) => c.json(await acceptCreate(deps, callerOf(c), c.req.valid('json')), 201));

  app.openapi(listRoute, async (c) => {
    return c.json({ channels: (await listChannels(deps.db)).map(renderChannel) }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const channel = await findChannel(deps.db, c.req.valid('param').channel_id);
    if (channel === undefined) throw noSuchChannel();
    return c.json(renderChannel(channel), 200);
  });

  app.openapi(changeRoute, async (c) => {
    const { channel_id: id } = c.req.valid('param');
    return c.json(await acceptChange(deps, callerOf(c), { id, body: c.req.valid('json') }), 200);
  });

  app.openapi(deleteRoute, async (c) =>
    c.json(await acceptDelete(deps, callerOf(c), c.req.valid('param').channel_id), 200),
  );

  app.openapi(testRoute, async (c) =>
    c.json(await acceptTest(deps, callerOf(c), c.req.valid('param').channel_id), 202),
  );

  app.openapi(deliveriesRoute, async (c) => {
    const { channel_id: channelId, state, after_delivery_id: afterId, limit, sort_order: order } = c.req.valid('query');
    const deliveries = await listDeliveries(deps.db, { channelId, state, afterId, limit, order });
    return c.json({ deliveries: deliveries.map(renderDelivery) }, 200);
  });

  return app;
}
