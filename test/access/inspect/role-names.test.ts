import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maskOf } from '../../../domain/access/privileges.ts';
import { quoteIdentifier, quoteIdentifiers } from '../../../domain/sql/quote.ts';
import { inspectDatabase } from '../../../platform/target/catalog/database.ts';
import { onEachMajor } from './on-each-major.ts';

/** Names that a server accepts, most of them with characters of the syntax of access control lists. */
const roleNames = fc
  .oneof(
    fc.string({
      minLength: 1,
      maxLength: 12,
      unit: fc.constantFrom('a', 'Z', '7', '_', '"', ',', '=', '/', '\n', ' ', '\\', '*', '{', '}', 'é', '語', '😀'),
    }),
    fc.string({ minLength: 1, maxLength: 12, unit: 'binary' }),
    fc.integer({ min: 0, max: 99_999 }).map(String),
  )
  .filter((name) => {
    const reserved = name.startsWith('pg_') || ['public', 'none'].includes(name);
    // Lone surrogates have no UTF-8.
    return !reserved && !name.includes('\0') && Buffer.from(name).toString() === name && Buffer.byteLength(name) <= 63;
  });

onEachMajor('role names in access control lists', (server) => {
  test('whatever the server accepts as a name is read as it is, as grantee and as grantor', async () => {
    const client = await server().session();
    const cluster = await server().cluster();
    const [names] = fc.sample(fc.uniqueArray(roleNames, { minLength: 150, maxLength: 150 }), 1);
    if (names === undefined) throw new Error('no sample');
    const [grantor = '', ...others] = names;
    await client.query(names.map((name) => `CREATE ROLE ${quoteIdentifier(name)}`).join(';'));
    await client.query(`CREATE TABLE public.shared ();
      GRANT USAGE ON SCHEMA public TO PUBLIC;
      GRANT INSERT, SELECT ON public.shared TO ${quoteIdentifiers(names)};
      GRANT SELECT ON public.shared TO ${quoteIdentifier(grantor)} WITH GRANT OPTION;
      SET ROLE ${quoteIdentifier(grantor)}; GRANT SELECT ON public.shared TO ${quoteIdentifiers(others)}; RESET ROLE`);
    const { objects } = await inspectDatabase(client, { cluster });
    const acl = objects.find(({ name }) => name === 'shared')?.acl ?? [];
    const [both, select] = [maskOf(['INSERT', 'SELECT']), maskOf(['SELECT'])];
    const expected = [
      { grantee: grantor, grantor: 'postgres', privileges: both, grantable: select },
      ...others.flatMap((grantee) => [
        { grantee, grantor: 'postgres', privileges: both, grantable: 0 },
        { grantee, grantor, privileges: select, grantable: 0 },
      ]),
    ];
    const granted = acl.filter(({ grantee }) => grantee !== 'postgres');
    expect(granted).toHaveLength(expected.length);
    expect(new Set(granted.map((entry) => JSON.stringify(entry)))).toEqual(
      new Set(expected.map((entry) => JSON.stringify(entry))),
    );
  });
});
