import { cutRange, type GetOptions, StoreError } from '@holdfast/object-store';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planBody, rangeHeader } from './range-read.js';
import { takeBody } from './take-body.js';

/** A server's side of RFC 9110 section 14: undefined for 416. */
function serve(object: Uint8Array, header: string): { bytes: Uint8Array; contentRange: string } | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header)!;
  const size = object.length;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' ? size : Math.min(size, Number(last) + 1);
  if (start >= size) return undefined;
  return { bytes: object.subarray(start, end), contentRange: `bytes ${start}-${end - 1}/${size}` };
}

/** What is taken of a body by the plan for it. */
async function taken(
  sent: Uint8Array,
  contentRange: string | undefined,
  options: GetOptions,
  contentLength: number | undefined = sent.length,
): Promise<{ bytes: Uint8Array; size: number | undefined } | undefined> {
  const plan = planBody({ contentLength, contentRange }, options);
  if (plan === undefined) return undefined;
  const { bytes } = await takeBody(sent, {
    skip: plan.skip,
    max: plan.take ?? Number.POSITIVE_INFINITY,
    stop: plan.goesOn,
  });
  return { bytes, size: plan.size };
}

test('whatever range is asked for is what cutRange says it is', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 30 }),
      fc.integer({ min: -40, max: 40 }),
      fc.integer({ min: 1, max: 40 }),
      async (object, offset, length) => {
        const range = { offset, length };
        const { start, end } = cutRange(object.length, range);
        const expected = { bytes: object.slice(start, end), size: object.length };
        const served = serve(object, rangeHeader(range));
        if (served === undefined) expect(start).toBe(end);
        else expect(await taken(served.bytes, served.contentRange, { range })).toEqual(expected);
        // One that ignores ranges.
        expect(await taken(object, undefined, { range })).toEqual(expected);
      },
    ),
  );
});

test('a whole object instead of a range is not waited for to its end, nor taken when its size is not known', () => {
  const range = { offset: 1, length: 1 };
  const head = { contentLength: 3, contentRange: undefined };
  expect(planBody(head, { range })).toEqual({ skip: 1, take: 1, goesOn: true, size: 3 });
  const chunked = { contentLength: undefined, contentRange: undefined };
  expect(planBody(chunked, { range })).toBeUndefined();
  expect(planBody(chunked, { range }, 3)).toEqual({ skip: 1, take: 1, goesOn: true, size: 3 });
});

test("MinIO's 206 for a suffix of an empty object is empty", async () => {
  const empty = new Uint8Array(0);
  const range = { offset: -4, length: 4 };
  expect(await taken(empty, 'bytes 0--1/0', { range })).toEqual({ bytes: empty, size: 0 });
});

test('an answer with other bytes than those asked for is none', async () => {
  expect(
    await taken(new Uint8Array(10), 'bytes 0-9/64', { range: { offset: -9, length: 9 } }),
  ).toBeUndefined();
  expect(await taken(new Uint8Array(2), 'bytes 5-6/9', { range: { offset: 0, length: 2 } })).toBeUndefined();
});

test.each([
  'bytes 0-1/*',
  'bytes 0-3/9',
  'bytes 3-1/9',
  'bytes 0-9/2',
  'bytes 0-1/99999999999999999',
  'nonsense',
])('Content-Range %s of two bytes is not believed', (contentRange) => {
  const range = { offset: 0, length: 2 };
  expect(() => planBody({ contentLength: 2, contentRange }, { range })).toThrow(StoreError);
});

test('what is announced beyond the bound is refused before anything is taken', () => {
  const whole = (contentLength: number) =>
    planBody({ contentLength, contentRange: undefined }, { maxBytes: 10 });
  expect(whole(10)).toMatchObject({ take: undefined });
  expect(() => whole(11)).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }));
  const part = { contentLength: 20, contentRange: 'bytes 0-19/40' };
  const range = { offset: 0, length: 20 };
  expect(planBody(part, { range, maxBytes: 20 })).toMatchObject({ take: 20 });
  expect(() => planBody(part, { range, maxBytes: 19 })).toThrow(
    expect.objectContaining({ code: 'TOO_LARGE' }),
  );
});
