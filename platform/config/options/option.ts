import { isIP } from 'node:net';
import { z } from 'zod';

/** One environment variable: how its text becomes a value, and what documentation says about it. */
export interface Option<Value> {
  /** Turns the text of the variable into its value; the message of an issue says what the text must be. */
  schema: z.ZodType<Value, string>;
  /** What happens when it is not set, as documentation shows it. */
  default: string;
  /** What it is for, with its unit. */
  meaning: string;
}

/** Value that an option's text stands for. */
export type OptionValue<Of> = Of extends Option<infer Value> ? Value : never;

/** A declaration of an option, checked where it is written. */
export function option<Value>(declared: Option<Value>): Option<Value> {
  return declared;
}

/** Any text. */
export const text = z.string();

/** A whole number between two bounds. */
export function integer(min: number, max: number) {
  const rule = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,10}$/, rule)
    .transform(Number)
    .refine((value) => value >= min && value <= max, rule);
}

/** A port that something is told to listen on. */
export const port = integer(1, 65535);

/** A port of ours, where 0 stands for any free one. */
export const portOrAny = integer(0, 65535);

/** Items separated by commas; white space around them and empty ones do not count. */
export function list(item: z.ZodType<string, string>) {
  return z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((each) => each.trim())
        .filter((each) => each !== ''),
    )
    .pipe(z.array(item).min(1, 'must name at least one, separated by commas'));
}

/** An IP address or a host name, without port. */
export const hostAddress = z
  .string()
  .refine((value) => isIP(value) !== 0 || HOST_NAME.test(value), 'must be an IP address or a host name');

const HOST_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;

/** `address:port`, with an IPv6 address in brackets. */
export function endpoint(portSchema: z.ZodType<number, string>) {
  return z.string().transform((value, context) => {
    const [, bracketed, plain, portText] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(value) ?? [];
    const address = hostAddress.safeParse(bracketed ?? plain);
    const parsedPort = portSchema.safeParse(portText);
    if (!address.success || !parsedPort.success) {
      context.addIssue('must be <address>:<port>, such as 127.0.0.1:3000 or [::1]:3000');
      return z.NEVER;
    }
    return { address: address.data, port: parsedPort.data };
  });
}

/** Scheme and authority of a web address, a path at most; without a slash at the end. */
export const publicUrl = z
  .string()
  .refine((value) => /^https?:\/\/[^\s?#@]+$/.test(value) && URL.canParse(value), 'must be an http or https address')
  .transform((value) => value.replace(/\/+$/, ''));

/** Origins of web pages, separated by commas, as browsers send them. */
export const origins = list(
  z
    .string()
    .refine(
      (value) => URL.canParse(value) && new URL(value).origin === value,
      'must be origins such as http://127.0.0.1:8233, separated by commas',
    ),
);

/** `<first>-<last>`. */
export const portRange = z.string().transform((value, context) => {
  const [, first, last] = /^(\d{1,5})-(\d{1,5})$/.exec(value)?.map(Number) ?? [];
  // Every service takes two ports, its own and the next one for its admin gateway.
  if (first === undefined || last === undefined || first < 1 || last > 65535 || last <= first) {
    context.addIssue('must be <first>-<last> with ports from 1 to 65535 and room for at least two');
    return z.NEVER;
  }
  return { first, last };
});
