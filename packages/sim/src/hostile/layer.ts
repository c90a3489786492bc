/** What a state is made of: writes and ranges with their stamps, wherever they lie, and how they are laid over each other. */
import type { Num } from './bytes.js';
import type { Range } from './layout.js';
import type { Readable } from './record-rules.js';
import type { Holding } from './segment-rules.js';
import { hex } from './world.js';

export interface Stamp {
  readonly version: number;
  readonly order: number;
}

/** A write, wherever it lies. */
export interface Written extends Stamp {
  readonly key: Uint8Array;
  /** Undefined: deleted. */
  readonly value: Uint8Array | undefined;
  /** The value is a stream's descriptor. */
  readonly isStream: boolean;
  /** When it begins to read as absent. */
  readonly expires: number | undefined;
}

/** Some of what a state is made of, in no order: each has its stamp. */
export interface Layer {
  readonly writes: readonly Written[];
  readonly ranges: readonly (Range & Stamp)[];
}

export function ownOf({ version, body }: Readable): Layer {
  return {
    writes: body.transactions.flatMap(({ writes }, order) =>
      writes.map((write) => ({ ...writtenOf(write), version, order })),
    ),
    ranges: body.transactions.flatMap(({ ranges }, order) =>
      ranges.map((range) => ({ ...range, version, order })),
    ),
  };
}

export function carriedBy({ clear, body }: Readable): Layer {
  const from = Number(body.holders.at(-1)?.version ?? clear.flushedThrough);
  const stamp = ({ above, order }: { above: Num; order: Num }): Stamp => ({
    version: from + Number(above),
    order: Number(order),
  });
  return {
    writes: body.carried.map((carried) => ({ ...writtenOf(carried), ...stamp(carried) })),
    ranges: body.carriedRanges.map((range) => ({ ...range, ...stamp(range) })),
  };
}

export function layerOf({ entries, ranges }: Holding): Layer {
  const stamp = ({ version, order }: { version: Num; order: Num }): Stamp => ({
    version: Number(version),
    order: Number(order),
  });
  return {
    writes: entries.map((held) => ({
      ...writtenOf({ ...held, form: Number(held.kind) % 16 === 3 ? 2 : 1 }),
      ...stamp(held),
    })),
    ranges: ranges.map((range) => ({ ...range, ...stamp(range) })),
  };
}

export function writtenOf(write: {
  readonly key: Uint8Array;
  readonly form: Num;
  readonly value?: Uint8Array | undefined;
  readonly expires?: Num | undefined;
}): Omit<Written, keyof Stamp> {
  const { key, form, value, expires } = write;
  return {
    key,
    value,
    isStream: Number(form) % 16 === 2,
    expires: expires === undefined ? undefined : Number(expires),
  };
}

/** What counts of each key, unless a range over it has a higher stamp. */
export function laid(layers: Iterable<Layer>): Map<string, readonly Written[]> {
  const best = new Map<string, Written[]>();
  const ranges: (Range & Stamp)[] = [];
  for (const layer of layers) {
    ranges.push(...layer.ranges);
    for (const write of layer.writes) {
      const key = hex(write.key);
      const known = best.get(key);
      const newer = known ? compare(write, known[0]!) : 1;
      if (newer > 0) best.set(key, [write]);
      else if (newer === 0) known!.push(write);
    }
  }
  for (const [key, [write]] of best)
    if (ranges.some((range) => compare(range, write!) > 0 && covers(range, write!.key))) best.delete(key);
  return best;
}

export function covers({ begin, end }: Range, key: Uint8Array): boolean {
  return Buffer.compare(begin, key) <= 0 && Buffer.compare(key, end) < 0;
}

function compare(a: Stamp, b: Stamp): number {
  return a.version - b.version || a.order - b.order;
}

export function isGone({ value, expires }: Written, nowMs: number): boolean {
  return value === undefined || (expires !== undefined && expires <= nowMs);
}

/** Whether two writes have one stamp, and it is not the same which counts. */
export function isAmbiguous([first, ...others]: readonly Written[]): boolean {
  const say = ({ value, expires, isStream }: Written): string =>
    [value && hex(value), expires, isStream].join();
  return others.some((other) => say(other) !== say(first!));
}
