import { makePerson } from '../../support/accounts.ts';
import type { ApiCalls, TestStack } from '../../support/stack.ts';

/** `call` of the API as somebody with this role and scope. */
export async function callsAs(stack: TestStack, who: Parameters<typeof makePerson>[1]): Promise<ApiCalls['call']> {
  return stack.as((await makePerson(stack, who)).credentials).call;
}
