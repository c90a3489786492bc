import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printJson, printValue } from './json-values.js';
import { visible } from './visible.js';

/** What a terminal would obey: ECMA-48's controls, and the directions of UAX #9. */
const OBEYED =
  '\u0000 \u0007 \b \t \n \r \u001b \u007f \u0085 \u009b \u009d \u2028 \u2029 \u202a \u202b \u202c \u202d \u202e \u2066 \u2067 \u2068 \u2069 \ufeff \ufff9 \ufffd \ud800'.split(
    ' ',
  );

test.each(OBEYED.map((character) => [character.charCodeAt(0).toString(16).padStart(4, '0'), character]))(
  'U+%s is shown, and does nothing',
  (hex, character) => {
    expect(visible(`a${character}b`)).toBe(`a\\u${hex}b`);
  },
);

test('letters of every script, emoji, and what joins them stay as they are', () => {
  for (const text of ['Ann', 'ü', 'שלום', 'नमस्ते', '👩‍👩‍👧', '日本', '\\u001b', '…'])
    expect(visible(text)).toBe(text);
});

test('what is kept stays, and nothing else', () => {
  expect(visible('a\tb\nc\u001b', '\t')).toBe('a\tb\\u000ac\\u001b');
});

test('JSON that is made visible is the same JSON, and is not changed again', () => {
  const unit = fc.oneof(fc.constantFrom(...OBEYED.slice(0, -1)), fc.string({ maxLength: 2 }));
  fc.assert(
    fc.property(fc.array(unit), fc.array(unit), (name, text) => {
      const value = { [name.join('') || 'x']: text.join('') };
      const printed = printJson(value);
      expect(JSON.parse(printed)).toStrictEqual(value);
      expect(visible(printed)).toBe(printed);
      expect(printValue(text.join(''))).toBe(printJson(text.join('')));
    }),
  );
});
