import { expect, test } from 'vitest';
import { Chunks } from './byte-source.js';

/** An iterator of `steps`, and how often it was told to stop. */
function told(...steps: (() => IteratorResult<Uint8Array>)[]) {
  const counts = { returned: 0 };
  const iterator = {
    next: () => steps.shift()!(),
    return: () => {
      counts.returned++;
      return { done: true as const, value: undefined };
    },
  };
  return { counts, chunks: new Chunks('setStream', { [Symbol.iterator]: () => iterator }) };
}

const chunk = (): IteratorResult<Uint8Array> => ({ done: false, value: Uint8Array.of(1) });
const end = (): IteratorResult<Uint8Array> => ({ done: true, value: undefined });

test('a source that is given up is told so once', async () => {
  const { chunks, counts } = told(chunk);
  await chunks.next();
  chunks.stop(new Error('enough'));
  chunks.stop(new Error('enough'));
  expect(counts.returned).toBe(1);
});

test('a source that has ended, or has failed, is not told', async () => {
  const ended = told(end);
  await ended.chunks.next();
  ended.chunks.stop(new Error('too late'));
  const failed = told(() => {
    throw new RangeError('its own');
  });
  await expect(failed.chunks.next()).rejects.toThrow('its own');
  failed.chunks.stop(new Error('too late'));
  expect([ended.counts.returned, failed.counts.returned]).toEqual([0, 0]);
});
