import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstRequest } from '../../worker/dev/welcome.ts';
import { databaseIs, databaseIsGone } from './support/follow-api.ts';
import { type Installation, makeInstallation, type Started } from './support/npm-start.ts';
import { killProcessesBelow } from './support/processes.ts';
import { shell } from './support/shell.ts';

interface Example {
  commands: string;
  /** The JSON block right after it, if there is one. */
  answer: string | undefined;
}

const README = await readFile(new URL('../../README.md', import.meta.url), 'utf8');

/** Fenced blocks with `curl`, each with the answer that the README shows below it. */
function examples(): Example[] {
  const blocks = [...README.matchAll(/^```(sh|json|text)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({
    language,
    text: text ?? '',
  }));
  return blocks.flatMap(({ language, text }, index) => {
    if (language !== 'sh' || !text.includes('curl')) return [];
    const next = blocks[index + 1];
    return [{ commands: text, answer: next?.language === 'json' ? next.text : undefined }];
  });
}

describe('the README', () => {
  let installation: Installation;
  let running: Started;

  beforeAll(async () => {
    installation = await makeInstallation();
    running = installation.start();
    await running.ready();
  });
  afterAll(async () => {
    await running.interrupt().catch(() => undefined);
    await killProcessesBelow(installation.home);
    await installation.remove();
  });

  it('shows the first request that npm start prints', () => {
    expect(README).toContain(firstRequest('host-1'));
  });

  it('gives commands that work as they stand, and their answers', async () => {
    const { apiUrl, ports, servicePort } = installation;
    const here = (text: string) =>
      text
        .replaceAll('.pgsteward/', `${installation.home}/`)
        .replaceAll('localhost:3000', `localhost:${ports.PGSTEWARD_PORT}`)
        .replaceAll('localhost:3101', `localhost:${servicePort + 1}`)
        .replaceAll('localhost:3100', `localhost:${servicePort}`)
        .replace('"port": 3100', `"port": ${servicePort}`);
    const ran: string[] = [];
    for (const { commands, answer } of examples()) {
      const printed = await shell(here(commands));
      ran.push(commands);
      if (answer !== undefined) expect(JSON.parse(printed)).toMatchObject(lasting(JSON.parse(answer)));
      // The README asks for a second or two of patience here.
      if (commands.includes('POST http://localhost:3000/v1/databases'))
        await databaseIs(apiUrl, 'storefront', 'available');
    }
    await databaseIsGone(apiUrl, 'storefront');
    expect(ran).toHaveLength(9);
  });
});

/** What is the same each time: everything but ids of tasks and dates. */
function lasting(answer: unknown): object {
  const kept = JSON.stringify(answer, (name, value) => (['task_id', 'created_at'].includes(name) ? undefined : value));
  return JSON.parse(kept) as object;
}
