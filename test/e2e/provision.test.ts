import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { create, remove } from '../support/follow.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack, testRuntimes } from '../support/stack.ts';

describe.each(testRuntimes())('provisioning with the %s runtime', (runtime) => {
  let stack: TestStack;
  let clean: { roles: string[]; databases: string[] };

  beforeAll(async () => {
    stack = await startTestStack({ runtime });
    clean = await stack.target.inventory();
  });
  afterAll(() => stack?.stop());

  it('serves rows to anonymous requests after one call, and leaves nothing after a delete', async () => {
    const port = stack.port();
    const task = await create(stack, seedRequest({ port }));
    expect(task).toMatchObject({ status: 'completed' });
    await stack.target.query(
      `CREATE TABLE products (id int GENERATED ALWAYS AS IDENTITY, name text, price numeric);
       INSERT INTO products (name, price) VALUES ('Widget', 9.99)`,
      { database: 'storefront', user: 'app', password: 'changeme' },
    );
    const rows = await fetch(`http://127.0.0.1:${port}/products`);
    expect(rows.status).toBe(200);
    expect(await rows.json()).toEqual([{ id: 1, name: 'Widget', price: 9.99 }]);
    expect(await remove(stack, 'storefront')).toMatchObject({ status: 'completed' });
    expect(await stack.target.inventory()).toEqual(clean);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });
});
