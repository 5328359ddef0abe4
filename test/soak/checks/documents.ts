import { SERVER } from '../installation.ts';
import type { Check } from './check.ts';

/** The server is as the document asks that was applied last. */
export const checkDocument: Check = async ({ client, applied }) => {
  if (applied.last === undefined) return ['no document was applied'];
  const { status, body } = await client.call('POST', `/v1/servers/${SERVER}/plan`, { document: applied.last });
  if (status !== 200) return [`the plan of the last document was answered ${status}: ${JSON.stringify(body)}`];
  if (body.empty) return [];
  return body.steps.map(
    ({ summary }: { summary: string }) => `the last document is not what the server has: ${summary}`,
  );
};
