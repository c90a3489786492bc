/** A stream, interrupted at its part and at its record: all of it is there or nothing of it. */
import { chunks, collect, idOf, streamBytes } from '../workload/streams.js';
import { type Interrupted, prepare } from './interrupted.js';

/** One part: thousands of cases with two of 16 MiB would take an hour. The simulator's worlds have those. */
const BYTES = 50_000;
const [OLD, NEW] = [1, 2];

function streamed(name: string, old: boolean): Interrupted {
  const key = ['stream'];
  return {
    name,
    request: 'request',
    prepare: async (db) => {
      await prepare(db);
      if (old) await db.setStream(key, chunks(streamBytes(OLD, 5_000)));
    },
    run: (db) => db.setStream(key, chunks(streamBytes(NEW, BYTES)), { requestId: 'request' }),
    effects: 1,
    look: async (db) => {
      const bytes = await collect(await db.getStream(key));
      const id = bytes === undefined ? 'nothing' : idOf(bytes);
      const expected = old ? OLD : 'nothing';
      const problems = id === NEW || id === expected ? [] : [`The stream is ${id}.`];
      return { there: id === NEW ? 1 : 0, problems };
    },
  };
}

export const streams: readonly Interrupted[] = [
  streamed('stream', false),
  streamed('stream that replaces another', true),
];
