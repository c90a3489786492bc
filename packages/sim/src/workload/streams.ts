/** Clients that write streams, and the verdict on them: all of one is there, or nothing of it. */
import { STREAM_PART_BYTES } from '@holdfast/core';
import type { Random } from '../world/random.js';
import type { FinalState } from './final-state.js';
import type { Program, Result } from './program.js';
import type { Verdict } from './verdict.js';

/** Writes a stream chunk by chunk, now and then so slowly that others come between. Its key is its own mark. */
export function streamProgram(id: number, random: Random): Program {
  const chunkBytes = 1 + random.below(40_000);
  const result: Result = { operations: [], wrote: true };
  return {
    id,
    role: 'streams',
    certain: [],
    body: async () => result,
    own: {
      result,
      ask: (db, options, { pause }) => {
        const bytes = streamBytes(id);
        async function* source(): AsyncGenerator<Uint8Array> {
          for (let at = 0; at < bytes.length; at += chunkBytes) {
            yield bytes.subarray(at, at + chunkBytes);
            if (at < 3 * chunkBytes) await pause();
          }
        }
        return db.setStream(['mark', 'streams', id], source(), options);
      },
    },
  };
}

/** What a stream holds: some have no bytes, few have two parts. */
function streamBytes(id: number): Uint8Array {
  const length = id % 5 === 0 ? 0 : id % 37 === 0 ? STREAM_PART_BYTES + id : (id * 7919) % 100_000;
  const words = new Uint32Array(Math.ceil(length / 4)).fill(Math.imul(id, 2654435761));
  return new Uint8Array(words.buffer, 0, length);
}

export function judgeStreams(state: FinalState, verdict: Verdict): void {
  for (const { key, value } of state.get('mark') ?? []) {
    if (key[1] !== 'streams') continue;
    const id = key[2] as number;
    if (!(value instanceof Uint8Array) || Buffer.compare(value, streamBytes(id)) !== 0)
      verdict.anomalies.push(`stream ${id} has other bytes than were written.`);
  }
}
