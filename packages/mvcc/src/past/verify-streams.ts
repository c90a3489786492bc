/**
 * Checks that what the newest version shows of streams is all there: each part is named by its manifest, and is the
 * part that the descriptor says. The bytes of parts are checked as those of every segment are.
 */
import { streamPartBytes } from '@holdfast/core';
import type { CallOptions } from '@holdfast/object-store';
import { partsOf } from '../reading/stream-reader.js';
import type { View } from '../state/view.js';

export async function verifyStreams(
  view: View,
  calls: CallOptions,
  note: (error: unknown) => void,
): Promise<void> {
  const cursor = view.scan({ begin: new Uint8Array(0), end: undefined }, calls);
  for (await cursor.start(); !cursor.done; await cursor.next()) {
    if (!cursor.stream || cursor.tombstone) continue;
    const key = cursor.key.slice();
    try {
      const { length, segments } = partsOf(view, key, await cursor.value());
      for (const [i, segment] of segments.entries())
        await view.reader(segment).streamPart(key, streamPartBytes({ length }, i), calls);
    } catch (error) {
      note(error);
    }
  }
}
