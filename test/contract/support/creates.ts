import { expect } from 'vitest';
import { schemaErrorSchema } from '../../../api/schemas/common.ts';
import { IDENTIFIER_RULE } from '../../../domain/identifiers.ts';
import { expectProblems } from '../../api/support/answers.ts';
import { changesNothing } from '../../api/support/records.ts';
import type { TestStack } from '../../support/stack.ts';
import { bodyWith, type Json } from '../../unit/spec/requests.ts';

/** What `POST /v1/databases` says to a request that is not accepted, and that nothing has come of it. */
export interface Creates {
  /** Refused by the framework: its name and words, and no header that names the error. */
  misshapen(body: unknown, name: string, message: string): Promise<void>;
  /** Refused by the application, with exactly these lines. */
  refused(body: unknown, ...lines: (string | RegExp)[]): Promise<void>;
  /**
   * Taken as it is: of a request with one mistake planted elsewhere, exactly that mistake is reported. So nothing needs to
   * be made to see what is accepted.
   */
  taken(body: Json): Promise<void>;
}

const PLANTED = { tenant_id: 'a--b' };

/** @param stack asked for each request, because tests are described before there is one */
export function createsOf(stack: () => TestStack): Creates {
  const post = (body: unknown) => changesNothing(stack(), () => stack().call('POST', '/v1/databases', body));
  return {
    async misshapen(body, name, message) {
      const answer = await post(body);
      expect([answer.status, answer.headers.get('goa-error')]).toEqual([400, null]);
      const error = schemaErrorSchema.strict().parse(answer.body);
      expect(error).toEqual({ name, id: error.id, message, temporary: false, timeout: false, fault: false });
    },
    refused: async (body, ...lines) => expectProblems(await post(body), ...lines),
    taken: async (body) => expectProblems(await post({ ...body, ...PLANTED }), `tenant_id: ${IDENTIFIER_RULE}`),
  };
}

/** The published example with `count` users beside its own, each with the given members. */
export function withMoreUsers(count: number, members: Json = {}): { id: string; spec: Json } {
  const owner = { username: 'app', password: 'changeme', db_owner: true, attributes: ['LOGIN'] };
  const more = Array.from({ length: count }, (_, index) => ({ username: `user_${index}`, ...members }));
  return bodyWith({ database_users: [owner, ...more] });
}
