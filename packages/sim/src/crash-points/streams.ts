/** A stream, interrupted: all of it is there, or nothing. */
import type { Database } from '@holdfast/mvcc';
import { type Interrupted, type Looked, prepare } from './interrupted.js';

/** Of one part: one more makes each case ten times as long, and was struck no differently (616 cases, once). */
const BYTES: Uint8Array = new Uint8Array(100_000).map((_, i) => i % 251);

function* chunks(): Generator<Uint8Array> {
  for (let at = 0; at < BYTES.length; at += 30_000) yield BYTES.subarray(at, at + 30_000);
}

async function lookAtStream(db: Database): Promise<Looked> {
  const stream = await db.getStream(['stream']);
  if (stream === undefined) return { there: 0, problems: [] };
  const found: Uint8Array[] = [];
  for await (const chunk of stream) found.push(chunk);
  const isWhole = Buffer.compare(Buffer.concat(found), BYTES) === 0;
  return { there: 1, problems: isWhole ? [] : ['The stream has other bytes than were written.'] };
}

export const streams: readonly Interrupted[] = [
  {
    name: 'stream',
    request: 'request',
    prepare,
    run: (db) => db.setStream(['stream'], chunks(), { requestId: 'request' }),
    effects: 1,
    look: lookAtStream,
  },
];
