import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readRecords } from './csv.js';
import { readCsv, readNdjson } from './import-rows.js';
import { splitLines } from './lines.js';

/** `text`, in chunks of these lengths. */
async function* chunked(text: string | Uint8Array, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text as string);
  let at = 0;
  for (const length of lengths) {
    yield bytes.subarray(at, at + length);
    at += length;
  }
  yield bytes.subarray(at);
}

async function all<T>(source: AsyncIterable<readonly T[]>): Promise<T[]> {
  const found: T[] = [];
  for await (const items of source) found.push(...items);
  return found;
}

const lengths = fc.array(fc.nat(12), { maxLength: 30 });

test('lines are the same however the bytes arrive', async () => {
  const text = fc
    .array(fc.constantFrom('a', 'bc', '\n', '\r\n', 'é'), { maxLength: 30 })
    .map((p) => p.join(''));
  await fc.assert(
    fc.asyncProperty(text, lengths, async (input, cuts) => {
      const expected = input.split('\n');
      if (expected.at(-1) === '') expected.pop();
      const found = await all(splitLines(chunked(input, cuts), 1000));
      expect(found.map(({ bytes }) => Buffer.from(bytes!).toString())).toEqual(expected);
      expect(found.map(({ number }) => number)).toEqual(expected.map((_, i) => i + 1));
    }),
  );
});

test('a line over the maximum is told and not held, and the next one is read', async () => {
  const found = await all(splitLines(chunked(`${'x'.repeat(50)}\nok\n${'y'.repeat(11)}`, [7, 7, 7, 7]), 10));
  expect(found.map(({ number, bytes }) => [number, bytes && Buffer.from(bytes).toString()])).toEqual([
    [1, undefined],
    [2, 'ok'],
    [3, undefined],
  ]);
});

describe('CSV', () => {
  const quote = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
  const cell = fc
    .array(fc.constantFrom('a', '"', ',', '\n', '\r\n', ' ', 'ü'), { maxLength: 6 })
    .map((p) => p.join(''));

  test('that is written as RFC 4180 says is read back, however its bytes arrive', async () => {
    const table = fc
      .integer({ min: 2, max: 4 })
      .chain((n) => fc.array(fc.array(cell, { minLength: n, maxLength: n }), { maxLength: 6 }));
    await fc.assert(
      fc.asyncProperty(table, lengths, async (rows, cuts) => {
        const text = rows
          .map((row) => `${row.map((c) => (/[",\r\n]/.test(c) ? quote(c) : c)).join(',')}\r\n`)
          .join('');
        const records = await all(readRecords(splitLines(chunked(text, cuts), 1e6), ','));
        expect(records.map((record) => record.problem ?? record.cells)).toEqual(rows);
      }),
    );
  });

  test('loses one line to a bad quote, and none to the rest', async () => {
    const text = 'id,n\n1,"open\n2,b\n"3"x,c\n4,"d\nd"\n5,bare " quote\n\n6\n7,"end';
    const rows = await all(readCsv(chunked(text, [5]), { keyColumns: ['id'], infer: true, delimiter: ',' }));
    expect(rows.map((row) => [row.line, row.problem ?? row.key, 'value' in row && row.value])).toEqual([
      [2, expect.stringContaining('closing quote'), false],
      [3, [2], { n: 'b' }],
      [4, expect.stringContaining('found "x,c"'), false],
      [5, [4], { n: 'd\nd' }],
      [7, [5], { n: 'bare " quote' }],
      [9, 'expected 2 cells, found 1', false],
      [10, 'a quote is opened and not closed', false],
    ]);
    expect(Buffer.from(rows[3]!.raw).toString()).toBe('4,"d\nd"');
  });

  test('cells are inferred only where nothing is lost', async () => {
    const text = '\ufeffk;v\r\n007;1e400\r\n-1.5;true\r\n1;null\r\n12345678901234567890;1.0\r\n';
    const rows = await all(readCsv(chunked(text, []), { keyColumns: ['k'], infer: true, delimiter: ';' }));
    expect(rows.map((row) => row.problem ?? [...row.key, row.value])).toEqual([
      ['007', { v: '1e400' }],
      [-1.5, { v: true }],
      [1, { v: null }],
      ['12345678901234567890', { v: '1.0' }],
    ]);
  });

  test('without the column, or with one twice, is bad usage', async () => {
    const read = (text: string) =>
      all(readCsv(chunked(text, []), { keyColumns: ['id'], infer: false, delimiter: ',' }));
    await expect(read('a,b\n1,2')).rejects.toThrow('No column "id": the header has "a", "b".');
    await expect(read('id,id\n1,2')).rejects.toThrow('twice');
    await expect(read('"id\n1,2')).rejects.toThrow("The header can't be read");
  });
});

test('NDJSON tells of each bad line by number, and reads all others', async () => {
  const lines = [
    '\ufeff{"key":"a","value":1}',
    'nope',
    '{"value":1}',
    '',
    '{"key":["c",{"$bytes":"AQI="}],"value":{"$set":[1]},"version":3,"versionstamp":"00"}\r',
    '{"key":"d","value":1,"ttl":5}',
    '{"key":{},"value":1}',
    '{"key":"u","value":{"$undefined":true}}',
    '[1]',
  ];
  const input = Buffer.concat([
    Buffer.from(`${lines.join('\n')}\n`),
    Buffer.of(0xff, 10),
    Buffer.from('{"key":"z","value":2}'),
  ]);
  const rows = await all(readNdjson(chunked(input, [3, 40])));
  expect(rows.map((row) => [row.line, row.problem ?? row.key])).toEqual([
    [1, ['a']],
    [2, expect.stringContaining('not valid JSON')],
    [3, expect.stringContaining('no "key"')],
    [5, ['c', Uint8Array.of(1, 2)]],
    [6, expect.stringContaining('"ttl"')],
    [7, expect.stringContaining('expected a key')],
    [8, expect.stringContaining('undefined')],
    [9, expect.stringContaining('found something else')],
    [10, 'not UTF-8'],
    [11, ['z']],
  ]);
});
