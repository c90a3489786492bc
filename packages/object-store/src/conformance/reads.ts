/** Reads, ranges, keys and sizes. */
import type { GetOptions } from '../object-store.js';
import type { Cases } from './context.js';
import { expectEqual, expectFailure, expectObject, text } from './expect.js';

/** Keys that are legal everywhere, and easily mistaken on the way into a URL, an XML body or a path. */
const awkwardKeys = [
  'a b',
  ' lead and trail ',
  'plus+plus',
  'percent%41%2F%',
  'a=b&c=d',
  'tilde~',
  "quote'(parens)!*",
  'semi;colon,comma$dollar@at',
  'hash#question?query=1',
  'ümlaut/日本語/🦀',
  'e\u0301 and \u00e9',
  '<xml>&amp;"',
  'dot.file/..name/name..',
  'UPPER/lower',
  '-dash/_underscore',
  `${'p'.repeat(127)}/${'q'.repeat(127)}/${'r'.repeat(127)}/${'s'.repeat(128)}`,
];

const ranges: readonly [NonNullable<GetOptions['range']>, string][] = [
  [{ offset: 0, length: 10 }, '0123456789'],
  [{ offset: 0, length: 1 }, '0'],
  [{ offset: 3, length: 4 }, '3456'],
  [{ offset: 9, length: 1 }, '9'],
  [{ offset: 7, length: 100 }, '789'],
  [{ offset: 10, length: 1 }, ''],
  [{ offset: 1_000, length: 5 }, ''],
  [{ offset: 4, length: 0 }, ''],
  [{ offset: -3, length: 3 }, '789'],
  [{ offset: -3, length: 2 }, '78'],
  [{ offset: -3, length: 100 }, '789'],
  [{ offset: -10, length: 10 }, '0123456789'],
  [{ offset: -25, length: 4 }, '0123'],
  [{ offset: -2, length: 0 }, ''],
];

export const readCases: Cases = {
  'an object that was put is read': async ({ store }) => {
    await store.put('a/key', text('value'));
    await expectObject(store, 'a/key', text('value'));
  },
  'a missing object is undefined': async ({ store }) => {
    await store.put('here', text('1'));
    for (const key of ['missing', 'her', 'heres', 'missing/folder']) {
      expectEqual(`get of ${key}`, await store.get(key), undefined);
    }
    expectEqual(
      'range of missing',
      await store.get('missing', { range: { offset: 0, length: 1 } }),
      undefined,
    );
    expectEqual(
      'empty range of missing',
      await store.get('missing', { range: { offset: 0, length: 0 } }),
      undefined,
    );
    expectEqual(
      'end of missing',
      await store.get('missing', { range: { offset: -1, length: 1 } }),
      undefined,
    );
  },
  'a put replaces the object whole': async ({ store }) => {
    const first = await store.put('key', text('a longer first value'));
    await expectObject(store, 'key', text('a longer first value'));
    const second = await store.put('key', text('second'));
    const found = await expectObject(store, 'key', text('second'));
    expectEqual('occupied of plain puts', [first.occupied, second.occupied], [undefined, undefined]);
    expectEqual('etag of the put and of the get', found.etag, second.etag);
    expectEqual('the first etag is another', first.etag === second.etag, false);
  },
  'ranges are cut to the object': async ({ store }) => {
    const { etag } = await store.put('digits', text('0123456789'));
    for (const [range, expected] of ranges) {
      const found = await store.get('digits', { range });
      const what = `range ${range.offset}, ${range.length}`;
      expectEqual(`bytes of ${what}`, found?.bytes, text(expected));
      expectEqual(`size with ${what}`, found?.size, 10);
      expectEqual(`etag with ${what}`, found?.etag, etag);
    }
  },
  'a get takes no more than it is told': async ({ store }) => {
    await store.put('digits', text('0123456789'));
    const taken: readonly [GetOptions, string][] = [
      [{ maxBytes: 10 }, '0123456789'],
      [{ maxBytes: 1_000_000 }, '0123456789'],
      [{ maxBytes: Number.POSITIVE_INFINITY }, '0123456789'],
      [{ range: { offset: 3, length: 4 }, maxBytes: 4 }, '3456'],
      [{ range: { offset: 7, length: 100 }, maxBytes: 3 }, '789'],
      [{ range: { offset: -3, length: 100 }, maxBytes: 3 }, '789'],
      [{ range: { offset: -3, length: 2 }, maxBytes: 2 }, '78'],
      [{ range: { offset: 5, length: 0 }, maxBytes: 0 }, ''],
      [{ range: { offset: 10, length: 5 }, maxBytes: 0 }, ''],
    ];
    for (const [options, expected] of taken) {
      const what = `get with ${JSON.stringify(options)}`;
      const found = await store.get('digits', options);
      expectEqual(`bytes of ${what}`, found?.bytes, text(expected));
      expectEqual(`size of ${what}`, found?.size, 10);
    }
    const refused: readonly GetOptions[] = [
      { maxBytes: 9 },
      { maxBytes: 0 },
      { range: { offset: 0, length: 10 }, maxBytes: 9 },
      { range: { offset: 3, length: 4 }, maxBytes: 3 },
      { range: { offset: -3, length: 100 }, maxBytes: 2 },
    ];
    for (const options of refused) {
      const error = await expectFailure('the get', store.get('digits', options));
      expectEqual(`code with ${JSON.stringify(options)}`, (error as { code?: unknown }).code, 'TOO_LARGE');
    }
    expectEqual('a missing object', await store.get('missing', { maxBytes: 0 }), undefined);
    await store.put('empty', new Uint8Array(0));
    expectEqual('an empty object', (await store.get('empty', { maxBytes: 0 }))?.bytes, new Uint8Array(0));
    const large = new Uint8Array(3 * 1024 * 1024).fill(7);
    await store.put('large', large);
    expectEqual('an exact fit', (await store.get('large', { maxBytes: large.length }))?.bytes, large);
    const error = await expectFailure('the get', store.get('large', { maxBytes: large.length - 1 }));
    expectEqual('code with one byte less', (error as { code?: unknown }).code, 'TOO_LARGE');
  },
  'an object tells when it was written, or the store tells it of none': async ({ store }) => {
    await store.put('first', text('1'));
    const first = await store.get('first', { range: { offset: 0, length: 1 }, maxBytes: 1 });
    await store.put('second', text('2'));
    const second = await store.get('second');
    const times = [first?.modifiedMs, second?.modifiedMs];
    if (times.every((ms) => ms === undefined)) return;
    expectEqual(
      'times in whole or part milliseconds',
      times.map((ms) => Number.isFinite(ms)),
      [true, true],
    );
    // By one clock, which stores round down to seconds.
    expectEqual('the later is no earlier', times[1]! >= times[0]! - 1_000, true);
    expectEqual('after 2000, so in milliseconds', times[0]! > Date.UTC(2000, 0), true);
  },
  'a bound that is none is refused': async ({ store }) => {
    await store.put('key', text('value'));
    for (const maxBytes of [-1, Number.NaN]) {
      const error = await expectFailure('the get', store.get('key', { maxBytes }));
      expectEqual('its code', (error as { code?: unknown }).code, 'INVALID');
    }
  },
  'an empty object is an object': async ({ store }) => {
    await store.put('empty', new Uint8Array(0));
    await expectObject(store, 'empty', new Uint8Array(0));
    for (const range of [
      { offset: 0, length: 10 },
      { offset: 5, length: 1 },
      { offset: -5, length: 5 },
    ]) {
      const found = await store.get('empty', { range });
      expectEqual(`bytes at ${range.offset}`, found?.bytes, new Uint8Array(0));
      expectEqual(`size at ${range.offset}`, found?.size, 0);
    }
    const again = await store.put(
      'empty',
      text('x'),
      store.capabilities.putIfAbsent ? { ifAbsent: true } : {},
    );
    expectEqual(
      'create over an empty object',
      again.occupied,
      store.capabilities.putIfAbsent ? true : undefined,
    );
  },
  'a range that is none is refused': async ({ store }) => {
    await store.put('key', text('value'));
    for (const range of [
      { offset: 0, length: -1 },
      { offset: 0.5, length: 1 },
      { offset: 0, length: Number.NaN },
    ]) {
      const error = await expectFailure('the get', store.get('key', { range }));
      expectEqual('its code', (error as { code?: unknown }).code, 'INVALID');
    }
  },
  'an object of 8 MiB goes through unchanged': async ({ store }) => {
    const bytes = new Uint8Array(8 * 1024 * 1024);
    for (let i = 0, x = 1; i < bytes.length; i++) {
      x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
      bytes[i] = x >>> 24;
    }
    await store.put('large', bytes);
    const found = await store.get('large');
    expectEqual('size', found?.size, bytes.length);
    expectEqual('bytes', found?.bytes, bytes);
    const end = await store.get('large', { range: { offset: -1_000, length: 1_000 } });
    expectEqual('its last 1,000 bytes', end?.bytes, bytes.subarray(-1_000));
  },
  'the caller may reuse its arrays': async ({ store }) => {
    const bytes = text('value');
    await store.put('key', bytes);
    bytes.fill(0);
    const found = await expectObject(store, 'key', text('value'));
    found.bytes.fill(0);
    await expectObject(store, 'key', text('value'));
    const part = text('..part..').subarray(2, 6);
    await store.put('part', part);
    await expectObject(store, 'part', text('part'));
  },
  'keys with awkward characters are kept as they are': async ({ store }) => {
    for (const key of awkwardKeys) await store.put(key, text(`value of ${key}`));
    for (const key of awkwardKeys) await expectObject(store, key, text(`value of ${key}`));
    const listed: string[] = [];
    for await (const { key } of store.list('')) listed.push(key);
    expectEqual('all of them in a listing', listed.sort(), [...awkwardKeys].sort());
    await store.delete(awkwardKeys);
    for (const key of awkwardKeys)
      expectEqual(`get of ${key} after its delete`, await store.get(key), undefined);
  },
};
