import { CliError } from './errors.ts';

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Seconds of `90`, `90s`, `15m`, `8h` or `2d`, for an option. */
export function seconds(option: string): (text: string) => number {
  return (text) => {
    const [, count, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? [];
    if (count === undefined) throw new CliError(`${option} must be a length of time such as 90s, 15m, 8h or 2d`);
    return Number(count) * (SECONDS[unit] ?? 1);
  };
}
