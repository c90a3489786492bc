import fc from 'fast-check';
import type { KeyPart } from 'holdfast';
import { describe, expect, test } from 'vitest';
import { UsageError } from './failure.js';
import { parseKeyText } from './key-source.js';
import { keyFromJson, keyToJson, parseKeyArgument, printKey } from './key-text.js';
import { takeOperands } from './location.js';
import { parseDurationMs, parseMoment } from './moments.js';
import { formatBytes, formatCount } from './output.js';
import { parseValue } from './value-input.js';

const take = (args: string[], declared: string[], location?: string) =>
  takeOperands(args, declared, { takesLocation: true, env: { HOLDFAST_LOCATION: location } });

describe('operands', () => {
  test('begin with the location, unless the environment has it', () => {
    expect(take(['file:./a', 'k'], ['KEY'])).toEqual({ location: 'file:./a', values: ['k'] });
    expect(take(['k'], ['KEY'], 'file:./b')).toEqual({ location: 'file:./b', values: ['k'] });
    expect(take(['s3://bucket/x', 'k'], ['KEY'], 'file:./b')).toEqual({
      location: 's3://bucket/x',
      values: ['k'],
    });
    expect(take(['user:1'], ['KEY'], 'file:./b').values).toEqual(['user:1']);
    expect(take(['file:./a', 'file:./c'], ['TARGET'])).toEqual({
      location: 'file:./a',
      values: ['file:./c'],
    });
    expect(take(['file:./c'], ['TARGET'], 'file:./b')).toEqual({
      location: 'file:./b',
      values: ['file:./c'],
    });
    expect(take(['file:./a', 'file:./c'], ['TARGET'], 'file:./b').location).toBe('file:./a');
    expect(take(['file:./a'], ['[KEY]'])).toEqual({ location: 'file:./a', values: [] });
  });

  test.each<[string[], string[], string | undefined, string]>([
    [[], ['KEY'], undefined, 'Expected a location, found none'],
    [['state', 'k'], ['KEY'], undefined, 'For a folder write file:state'],
    [['file:./a'], ['KEY', '[VALUE]'], undefined, 'KEY is missing'],
    [['file:./a', 'k', 'v', 'w'], ['KEY', '[VALUE]'], undefined, 'found "k" "v" "w"'],
    [['k'], [], 'file:./a', 'Expected nothing more, found "k"'],
  ])('%j for %j is bad usage', (args, declared, location, message) => {
    expect(() => take(args, declared, location)).toThrow(UsageError);
    expect(() => take(args, declared, location)).toThrow(message);
  });
});

const { part } = fc.letrec<{ part: KeyPart }>((tie) => ({
  part: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('file:x', '[x', '-x', ' x', 'a b', 'ü', '\u202e', '\t', '') as fc.Arbitrary<KeyPart>,
    fc.double(),
    fc.bigInt(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 9 }).map((bytes) => new Uint8Array(bytes)),
    fc.array(tie('part'), { maxLength: 3 }),
  ),
}));

describe('a key', () => {
  test('that is printed can be typed', () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), (key) => {
        const printed = printKey(key);
        expect(parseKeyArgument(printed)).toStrictEqual(key);
        expect(/^[-\s]/.test(printed)).toBe(false);
        expect(keyFromJson(JSON.parse(JSON.stringify(keyToJson(key))))).toStrictEqual(key);
      }),
      { numRuns: 500 },
    );
  });

  test('is bare where that is the same', () => {
    expect(printKey(['clicks'])).toBe('clicks');
    expect(printKey(['a b'])).toBe('a b');
    expect(printKey(['users', 17])).toBe('["users",17]');
    for (const text of ['file:x', 's3://x', '[x', '-x', ' x', 'x ', 'a\tb', '', '\u202e'])
      expect(printKey([text])).toBe(JSON.stringify([text]).replace('\u202e', '\\u202e'));
  });

  test.each([
    '',
    '["a"',
    '[{"a":1}]',
    '[{"$date":"2026-01-01T00:00:00.000Z"}]',
    '["\\ud800"]',
    '[12345678901234567890]',
  ])('is not %s', (text) => expect(() => parseKeyArgument(text)).toThrow(UsageError));
});

describe('the encryption key', () => {
  const bytes = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
  test('is 64 hex digits or base64, spaces around it or not', () => {
    for (const encoding of ['hex', 'base64', 'base64url'] as const)
      expect(parseKeyText(` ${Buffer.from(bytes).toString(encoding)}\n`, 'x')).toEqual(bytes);
    expect(parseKeyText(Buffer.from(bytes).toString('hex').toUpperCase(), 'x')).toEqual(bytes);
  });
  test('of another length is refused, and not repeated', () => {
    const half = Buffer.from(bytes.subarray(16)).toString('hex');
    for (const text of [half, `${half}${half}00`, 'secret', ''])
      try {
        parseKeyText(text, 'HOLDFAST_KEY');
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        expect((error as Error).message).toContain('HOLDFAST_KEY');
        if (text) expect((error as Error).message).not.toContain(text);
      }
  });
});

test('a moment is a version or an ISO date', () => {
  expect(parseMoment('12')).toBe(12);
  expect(parseMoment('2026-11-22')).toEqual(new Date(Date.UTC(2026, 10, 22)));
  expect(parseMoment('2026-11-22T16:00:00+01:00')).toEqual(new Date(Date.UTC(2026, 10, 22, 15)));
  for (const text of ['0', '-1', '1.5', 'yesterday', '22.11.2026', '2026-13-01', '99999999999999999999'])
    expect(() => parseMoment(text)).toThrow(UsageError);
});

test('a value is JSON, text or hex', () => {
  expect(parseValue('{"a":{"$bigint":"1"}}', undefined)).toEqual({ a: 1n });
  expect(parseValue('1', 'text')).toBe('1');
  expect(parseValue('00fF\n', 'bytesHex')).toEqual(Uint8Array.of(0, 255));
  for (const text of ['', 'Ann', '{"$undefined":true}', '{"a":'])
    expect(() => parseValue(text, undefined)).toThrow(UsageError);
  expect(() => parseValue('0', 'bytesHex')).toThrow(UsageError);
});

test('counts and sizes are readable', () => {
  expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(['0', '999', '1,000', '1,234,567']);
  expect([0, 1, 1023, 1536, 3 * 1024 ** 3].map(formatBytes)).toEqual([
    '0 bytes',
    '1 byte',
    '1,023 bytes',
    '1.5 KiB',
    '3.0 GiB',
  ]);
});

test('a length of time has a unit', () => {
  expect(['500ms', '90s', '15m', '1.5h', '7d'].map(parseDurationMs)).toEqual([
    500, 90_000, 900_000, 5_400_000, 604_800_000,
  ]);
  for (const text of ['', '5', 's', '-5s', '5 s', '0s', '0.0001s', '1e9d', '5S', '99999999999999999d'])
    expect(() => parseDurationMs(text), text).toThrow(UsageError);
});
