import { pino } from 'pino';
import { expect, test } from 'vitest';
import { type Needed, untilUp } from '../../../worker/until-up.ts';

const around = (interrupted = new AbortController().signal): Needed & { lines: string[] } => {
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
  return { what: 'the server', log, interrupted, lines };
};

test('what is not there yet is waited for, and each reason is told once', async () => {
  const needed = around();
  const answers = ['refused', 'refused', undefined];
  await untilUp(needed, async () => answers.shift());
  expect(answers).toEqual([]);
  expect(needed.lines).toHaveLength(1);
  expect(needed.lines[0]).toContain('waits for the server');
});

test('what does not come ends the wait with the reason', async () => {
  await expect(untilUp({ ...around(), boundMs: 0 }, async () => 'refused')).rejects.toMatchObject({
    type: 'ServerUnavailable',
    message: 'the server cannot be used: refused',
  });
});

test('an error that waiting does not help against is thrown at once', async () => {
  await expect(untilUp(around(), () => Promise.reject(new Error('wrong password')))).rejects.toThrow('wrong password');
});

test('a process that is asked to end does not wait on', async () => {
  const end = new AbortController();
  const waiting = untilUp(around(end.signal), async () => {
    end.abort();
    return 'refused';
  });
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
});
