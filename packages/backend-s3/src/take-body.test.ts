import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { giveUp, takeBody } from './take-body.js';

/** One body in each form in which an SDK on some platform gives it. */
function formsOf(chunks: readonly Uint8Array[]): Record<string, unknown> {
  const whole = Buffer.concat(chunks);
  const web = (): ReadableStream<Uint8Array> => ReadableStream.from(chunks);
  return {
    'a stream of Node': Readable.from(chunks, { objectMode: false }),
    'a stream of the platform': web(),
    'one that can not be iterated over': { getReader: () => web().getReader() },
    'a Blob': new Blob([whole]),
    bytes: new Uint8Array(whole),
  };
}

const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 9 }), { maxLength: 9 });

test('whatever the form and the pieces, what is taken is that part of the whole', async () => {
  await fc.assert(
    fc.asyncProperty(
      chunks,
      fc.nat(20),
      fc.nat(40),
      fc.boolean(),
      fc.nat(100),
      async (pieces, skip, max, stop, announced) => {
        const rest = new Uint8Array(Buffer.concat(pieces)).slice(skip);
        const more = !stop && rest.length > max;
        const expected = { bytes: more ? new Uint8Array(0) : rest.slice(0, max), more };
        for (const [form, body] of Object.entries(formsOf(pieces))) {
          expect(await takeBody(body, { skip, max, stop, announced }), form).toEqual(expected);
        }
      },
    ),
  );
});

test('no body has no bytes', async () => {
  for (const body of [undefined, null]) {
    expect(await takeBody(body, { max: 0 })).toEqual({ bytes: new Uint8Array(0), more: false });
    await giveUp(body);
  }
});

test('a body is not read further than is wanted of it, and is ended there', async () => {
  for (const [max, stop] of [
    [5, false],
    [5, true],
    [0, true],
  ] as const) {
    let given = 0;
    let ended = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          given++;
          yield new Uint8Array(3);
        }
      } finally {
        ended = true;
      }
    }
    const node = Readable.from(endless(), { objectMode: false, highWaterMark: 1 });
    await takeBody(node, { max, stop });
    expect(node.destroyed).toBe(true);
    expect(given).toBeLessThan(8);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toBe(given > 0);
  }
});

test('many pieces of one byte take the memory of their bytes', async () => {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 100_000; i++) yield new Uint8Array([i]);
  }
  const { bytes } = await takeBody(pieces(), { max: 1_000_000 });
  expect(bytes.length).toBe(100_000);
  expect(bytes.buffer.byteLength).toBe(100_000);
});

test('an announced length alone sets little aside', async () => {
  const { bytes } = await takeBody(Readable.from([Uint8Array.of(1)]), { max: 2 ** 50, announced: 2 ** 50 });
  expect(bytes).toEqual(Uint8Array.of(1));
  expect(bytes.buffer.byteLength).toBe(1);
});

test('what breaks on its way is an error, not a shorter body', async () => {
  async function* breaking(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(3);
    throw new Error('ECONNRESET');
  }
  await expect(takeBody(breaking(), { max: 100 })).rejects.toThrow('ECONNRESET');
});
