/** For tests of compaction: small segments, so that there is much to merge, and a floor that rises when it is told to. */
import type { ObjectStore } from '@holdfast/object-store';
import { Committer } from '../commit/committer.js';
import type { Edit } from '../commit/edit.js';
import { RecordBuilder } from '../commit/record-builder.js';
import { type Opened, openParts } from '../open.js';

/** Merges when there are two runs, into segments of about 2 KB. */
export const SMALL = {
  key: 'plaintext',
  probe: 'skip',
  maintenance: 'manual',
  compaction: { segmentBytes: 2_048, runsMax: 2 },
} as const;

export function committerOf({ context, log, tip }: Opened): Committer {
  return new Committer(context, log, tip, new RecordBuilder(context, context.random(16), undefined), 60_000);
}

export const floorEdit = (floor: number): Edit => ({
  applyTo: (state) => (state.floor >= floor ? 'stale' : { ...state, floor }),
});

/** Raises the floor by a record, as collection does before it deletes anything. */
export async function raiseFloor(store: ObjectStore, floor: number): Promise<void> {
  const parts = await openParts(store, SMALL);
  await committerOf(parts).publish(floorEdit(floor));
}
