import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderPassfile } from '../../../domain/postgrest/passfile.ts';

describe('renderPassfile', () => {
  test('colons and backslashes are escaped', () => {
    expect(renderPassfile({ user: 'a:b', database: 'c\\d', password: ':\\' })).toBe('*:*:c\\\\d:a\\:b:\\:\\\\\n');
  });

  test('libpq reads back every name and password', () => {
    const field = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\r\n\0]/g, ''));
    fc.assert(
      fc.property(field, field, field, (user, database, password) => {
        const fields = readAsLibpq(renderPassfile({ user, database, password }));
        expect(fields).toEqual(['*', '*', database, user, password]);
      }),
    );
  });

  test.each(['\r', '\n', '\0'])('a password with %j is refused without being shown', (character) => {
    const render = () => renderPassfile({ user: 'u', database: 'd', password: `canary${character}` });
    expect(render).toThrow('CR, LF or NUL');
    expect(render).not.toThrow('canary');
  });
});

/** libpq's passwordFromFile: a backslash takes the next character as it is, a bare colon ends the field. */
function readAsLibpq(text: string): string[] {
  const fields = [''];
  for (const [, escaped, plain] of text.replace(/\n$/, '').matchAll(/\\(.)|(.)/gsu)) {
    if (plain === ':') fields.push('');
    else fields[fields.length - 1] += escaped ?? plain ?? '';
  }
  return fields;
}
