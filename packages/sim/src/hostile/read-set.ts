/** What a transaction read, and the turns that a record gives (FORMAT.md, "Intents"), by the second reading. */
import { NotInFormat, type Num, type Put, type Take } from './bytes.js';

export interface ReadRange {
  begin: Uint8Array;
  hasEnd: Num;
  /** Only if it has one. */
  end?: Uint8Array;
}

export interface ReadSet {
  points: Uint8Array[];
  ranges: ReadRange[];
}

export interface Turn {
  processId: Uint8Array;
  waitMs: Num;
  reads: ReadSet;
}

const TURN_READS_MAX = 4096;

export function takeReadSet(take: Take): ReadSet {
  const points = take.list(() => take.bytes());
  for (const [i, point] of points.entries())
    if (i > 0 && Buffer.compare(points[i - 1]!, point) >= 0) throw new NotInFormat('expected keys in order');
  const ranges = take.list((): ReadRange => {
    const [begin, hasEnd] = [take.bytes(), take.u8()];
    if (hasEnd > 1) throw new NotInFormat('expected an end or none');
    if (hasEnd === 0) return { begin, hasEnd };
    const end = take.bytes();
    if (Buffer.compare(begin, end) >= 0) throw new NotInFormat('expected a range that is not empty');
    return { begin, hasEnd, end };
  });
  return { points, ranges };
}

export function putReadSet(put: Put, { points, ranges }: ReadSet): void {
  put.list(points, (point) => put.bytes(point));
  put.list(ranges, ({ begin, hasEnd, end }) => {
    put.bytes(begin).u8(hasEnd);
    if (end) put.bytes(end);
  });
}

export function takeTurn(take: Take): Turn {
  const [processId, waitMs, from] = [take.raw(16), take.varint(), take.at];
  const reads = takeReadSet(take);
  if (take.at - from > TURN_READS_MAX) throw new NotInFormat('expected a read set of at most 4 KiB');
  return { processId, waitMs, reads };
}

export function putTurn(put: Put, { processId, waitMs, reads }: Turn): void {
  putReadSet(put.raw(processId).varint(waitMs), reads);
}
