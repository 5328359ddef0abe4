import type { z } from '@hono/zod-openapi';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { Failure } from '../../domain/failures.ts';
import { KIND_RULES, type UserKind } from '../../domain/users/kinds.ts';
import { refuseHeld } from '../approvals/hold.ts';
import type { Caller } from '../caller.ts';
import { FAILURE_ERRORS } from '../error-handler.ts';
import { API_ERRORS, ApiError, invalidInput } from '../errors.ts';
import { type CarriedOut, changeAllNow } from '../roles/change.ts';
import { schemaProblems } from '../schema-problems.ts';
import type { bulkAnswerSchema, bulkSchema } from '../schemas/users.ts';
import { createUserSchema } from '../schemas/users.ts';
import { creation, type NewUser } from './create-user.ts';
import type { UserDeps } from './deps.ts';
import { heldUser, type Operation } from './operation.ts';

type Body = z.output<typeof bulkSchema>;
type Entry = Body['users'][number];
type Result = z.infer<typeof bulkAnswerSchema>['results'][number];

const ROUTE = '/api/v1/users/bulk';

/** Creates many users at once: one acceptance, shared transactions, a result for each. One that fails harms no other. */
export async function createMany(
  deps: UserDeps,
  caller: Caller,
  body: Body,
  origin: string,
): Promise<z.infer<typeof bulkAnswerSchema>> {
  const prepared = await Promise.all(body.users.map((entry, index) => prepare(deps, caller, { entry, index, origin })));
  const operations = prepared.filter((each): each is Operation => !(each instanceof ApiError));
  const identity = { route: ROUTE, content: body };
  const done = await changeAllNow(
    deps,
    caller,
    identity,
    operations.map(({ change }) => change),
  );
  const outcomes = new Map(operations.map((operation, index) => [operation, done[index]]));
  const results = await Promise.all(
    prepared.map((each, index) =>
      each instanceof ApiError ? failed(index, each) : resultOf(each, index, outcomes.get(each)),
    ),
  );
  return {
    count: results.length,
    created: results.filter((result) => 'status' in result && CREATED.has(result.status)).length,
    results,
  };
}

const CREATED: ReadonlySet<string> = new Set(Object.values(KIND_RULES).map(({ createdStatus }) => createdStatus));

async function prepare(
  deps: UserDeps,
  caller: Caller,
  of: { entry: Entry; index: number; origin: string },
): Promise<Operation | ApiError> {
  const { entry, index, origin } = of;
  try {
    const operation = await creation(deps, caller, { ...parse(entry, index), origin });
    await refuseHeld(deps, caller, heldUser(operation.change));
    return operation;
  } catch (error) {
    return asApiError(error);
  }
}

function parse({ kind, ...rest }: Entry, index: number): Omit<NewUser, 'origin'> {
  const parsed = createUserSchema(kind as UserKind)
    .strict()
    .safeParse(rest);
  if (parsed.success) return { kind, parameters: parsed.data };
  const source = { root: `users[${index}]`, whole: `users[${index}]` };
  throw invalidInput(schemaProblems(parsed.error.issues, rest, source).map(({ message }) => ({ path: '', message })));
}

async function resultOf(operation: Operation, index: number, done: CarriedOut | ApiError | undefined): Promise<Result> {
  if (done === undefined) return failed(index, new ApiError('server_error', 'nothing is known of this user'));
  if (done instanceof ApiError) return failed(index, done);
  try {
    return { index, code: 200, ...(await operation.answer(done)) };
  } catch (error) {
    return failed(index, asApiError(error));
  }
}

function failed(index: number, error: ApiError): Result {
  return { index, code: API_ERRORS[error.errorName] satisfies ContentfulStatusCode, error: error.message };
}

/** What nobody foresaw ends the whole request, like any other. */
function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof Failure && FAILURE_ERRORS[error.type] !== 'server_error') {
    return new ApiError(FAILURE_ERRORS[error.type], error.message);
  }
  throw error;
}
