import { expect } from 'vitest';
import type { z } from 'zod';

interface Answer {
  status: number;
  body: unknown;
  headers: Headers;
}

/** An application error: its name in body and header, and nothing else in the body. */
export function expectError(answer: Answer, status: number, name: string, message: string | RegExp = /./): void {
  expect({ status: answer.status, body: answer.body, header: answer.headers.get('goa-error') }).toEqual({
    status,
    body: { name, message: typeof message === 'string' ? message : expect.stringMatching(message) },
    header: name,
  });
}

/** Every line of an `invalid_input`, as `path: reason`. */
export function expectProblems(answer: Answer, ...lines: (string | RegExp)[]): void {
  expectError(answer, 400, 'invalid_input');
  const { message } = answer.body as { message: string };
  expect(message.split('\n')).toEqual(
    lines.map((line) => (typeof line === 'string' ? line : expect.stringMatching(line))),
  );
}

/** A body that satisfies its published schema and has no member beyond it. */
export function expectShape<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  const parsed = schema.parse(body);
  expect(parsed).toEqual(body);
  return parsed;
}
