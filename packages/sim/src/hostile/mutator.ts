/** Changes decoded structures at random, as bugs would, and worse. */
import { encodeKey, encodeValue } from '@holdfast/core';
import type { Random } from '../world/random.js';
import type { Num } from './bytes.js';

type Tree = Record<string, unknown> | unknown[];

/** A place in a tree that holds something to change. */
interface Slot {
  readonly parent: Tree;
  readonly name: string | number;
}

const NUMBERS: readonly Num[] = [
  0,
  1,
  2,
  3,
  15,
  16,
  17,
  127,
  128,
  255,
  65_535,
  65_536,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
  -1n,
  -(2n ** 31n),
];

/** MessagePack that hurts, behind the byte that says it is MessagePack. */
const GARBAGE: readonly Uint8Array[] = [
  Uint8Array.of(),
  Uint8Array.of(1),
  Uint8Array.of(2),
  Uint8Array.of(1, 0xc1),
  Uint8Array.of(1, 0xdd, 0xff, 0xff, 0xff, 0xff),
  Uint8Array.of(1, 0xdf, 0xff, 0xff, 0xff, 0xff),
  Uint8Array.of(1, 0xc6, 0xff, 0xff, 0xff, 0xff),
  Uint8Array.of(1, 0xdb, 0x7f, 0xff, 0xff, 0xff),
  Uint8Array.of(1, 0xd4, 0x48, 0x00, 0x91, 0x04),
  Uint8Array.of(1, 0xd4, 0x48, 0x00, 0x92, 0x05, 0xa1, 0x28),
  Uint8Array.of(1, 0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61),
  Uint8Array.of(1, 0xd6, 0x69, 0, 0, 0, 1),
  Uint8Array.of(1, 0xd4, 0x73, 0x00, 0x90),
  Uint8Array.of(1, 0xd7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  Uint8Array.of(1, 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0),
  Uint8Array.from([1, ...new Array<number>(600).fill(0x91), 0xc0]),
  Uint8Array.from([1, ...new Array<number>(100_000).fill(0x91), 0xc0]),
  Uint8Array.from([1, ...new Array<number>(3000).fill(0x81)]),
];

/** Values that are none of the engine's own entries, or nearly. */
const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  Number.NaN,
  'text',
  [],
  {},
  { closed: 1 },
  { closed: true },
  { digest: 'x', result: 1 },
  { digest: new Uint8Array(2) },
  { result: 1 },
  { settled: 1, requests: [] },
  { settled: -1, requests: [] },
  { settled: 0, requests: [[1], [2, new Uint8Array(1), null], [3, 'x', null]] },
  { version: -1, timeMs: Number.NaN },
  { version: 2n ** 60n, timeMs: 0 },
  { version: 1 },
  { version: 3, timeMs: Number.MAX_VALUE },
  new Date(0),
  new Map([['version', 1]]),
  new Set([1]),
  /x/,
  new Error('x'),
  new Uint8Array(3),
  2n ** 100n,
];

const KEYS: readonly Uint8Array[] = [
  Uint8Array.of(),
  Uint8Array.of(0),
  Uint8Array.of(1),
  Uint8Array.of(2),
  Uint8Array.of(1, 0xff),
  Uint8Array.of(1, 0x02),
  Uint8Array.of(1, 0x1d, 9),
  Uint8Array.of(0xff, 0xff),
  Uint8Array.from([1, ...new Array<number>(400).fill(5)]),
  Uint8Array.from([1, ...new Array<number>(8000).fill(5)]),
  Uint8Array.from([1, 1, ...new Array<number>(9000).fill(7), 0]),
  Uint8Array.from([1, 1, ...new Array<number>(400_000).fill(7), 0]),
  Uint8Array.of(0, ...encodeKey(['checkpoint'])),
  Uint8Array.of(0, ...encodeKey(['checkpoint', 3])),
  Uint8Array.of(0, ...encodeKey(['checkpoint', 'a', 'b'])),
  Uint8Array.of(0, ...encodeKey(['request', 'request 1'])),
  Uint8Array.of(1, ...encodeKey(['a', 1])),
];

const KEY_NAMES: ReadonlySet<string | number> = new Set([
  'key',
  'firstKey',
  'lastKey',
  'begin',
  'end',
  'rangeBegin',
  'rangeEnd',
]);

/** Changes `tree` in place, one to three times. @param lies what is to be written of lengths and counts. */
export function mutate(tree: Tree, random: Random, lies: Map<object, Num>): void {
  for (let left = random.chance(0.6) ? 1 : 1 + random.below(3); left > 0; left--) {
    const slots = [...slotsOf(tree)];
    if (slots.length === 0) return;
    // As likely one of a kind that is rare as of one that is common.
    const names = [...new Set(slots.map(({ name, parent }) => (Array.isArray(parent) ? 'item' : name)))];
    const name = random.pick(names);
    const of = slots.filter((slot) => (Array.isArray(slot.parent) ? 'item' : slot.name) === name);
    change(random.pick(of), slots, random, lies);
  }
}

function* slotsOf(tree: Tree): Generator<Slot> {
  for (const [name, value] of Object.entries(tree)) {
    const slot = { parent: tree, name: Array.isArray(tree) ? Number(name) : name };
    if (typeof value === 'number' || typeof value === 'bigint' || value === undefined) yield slot;
    else if (value instanceof Uint8Array) yield slot;
    else if (typeof value === 'object' && value !== null) {
      if (Array.isArray(value)) yield slot;
      yield* slotsOf(value as Tree);
    }
  }
}

const valueAt = ({ parent, name }: Slot): unknown => (parent as Record<string | number, unknown>)[name];

function set({ parent, name }: Slot, value: unknown): void {
  (parent as Record<string | number, unknown>)[name] = value;
}

function change(slot: Slot, slots: readonly Slot[], random: Random, lies: Map<object, Num>): void {
  const value = valueAt(slot);
  if (Array.isArray(value)) changeList(value, random, lies);
  else if (value instanceof Uint8Array) set(slot, changedBytes(slot.name, value, slots, random, lies));
  else if (value === undefined) set(slot, encodeValue(random.pick(VALUES.slice(0, 9))));
  else set(slot, changedNumber(value as Num, slots, random));
}

function changedNumber(value: Num, slots: readonly Slot[], random: Random): Num {
  const other = slots.length > 0 ? valueAt(random.pick(slots)) : undefined;
  const step = random.pick([-2n, -1n, 1n, 2n]);
  switch (random.below(4)) {
    case 0:
      return typeof other === 'number' ? other : random.below(64);
    case 1:
      return random.pick(NUMBERS);
    default: {
      const next = BigInt(value) + step;
      return next >= 0n && next <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(next) : next;
    }
  }
}

/** Undefined: what was a value is deleted. */
function changedBytes(
  name: string | number,
  bytes: Uint8Array,
  slots: readonly Slot[],
  random: Random,
  lies: Map<object, Num>,
): Uint8Array | undefined {
  const other = valueAt(random.pick(slots));
  switch (random.below(8)) {
    case 0:
      return edited(bytes, random);
    case 1:
      return bytes.slice(0, random.below(bytes.length + 1));
    case 2:
      return new Uint8Array(Buffer.concat([bytes, random.bytes(1 + random.below(40))]));
    case 3:
      return other instanceof Uint8Array ? other.slice() : new Uint8Array(bytes.length);
    case 4:
      lies.set(bytes, changedNumber(bytes.length, slots, random));
      return bytes;
    case 5:
      return name === 'value' ? undefined : random.bytes(bytes.length);
    default:
      if (KEY_NAMES.has(name)) return random.pick(KEYS).slice();
      if (name !== 'value') return edited(bytes, random);
      return random.chance(0.5) ? random.pick(GARBAGE).slice() : encodeValue(random.pick(VALUES));
  }
}

function changeList(list: unknown[], random: Random, lies: Map<object, Num>): void {
  const i = random.below(list.length);
  const k = random.below(list.length);
  const item = structuredClone(list[i]);
  switch (list.length === 0 ? 7 : random.below(9)) {
    case 0:
      list.splice(i, 1);
      return;
    case 1:
      list.splice(k, 0, item);
      return;
    case 2:
      [list[i], list[k]] = [list[k], list[i]];
      return;
    case 3:
      list.reverse();
      return;
    case 4:
      list.length = 0;
      return;
    case 5:
      list.length = i;
      return;
    case 6:
      for (let n = item instanceof Uint8Array ? 297 : 0; n < 300; n++) list.push(structuredClone(item));
      return;
    default:
      lies.set(list, changedNumber(list.length, [], random));
  }
}

/** Some bytes changed, cut, put in or said twice. */
export function edited(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1);
  const to = Math.min(bytes.length, at + random.below(12));
  const parts = (...list: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(list));
  switch (random.below(6)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return parts(bytes.subarray(0, at), random.bytes(1 + random.below(9)), bytes.subarray(at));
    case 2:
      return parts(bytes.subarray(0, at), bytes.subarray(to));
    case 3:
      return parts(bytes.subarray(0, to), bytes.subarray(at));
    default: {
      const copy = bytes.slice();
      for (let n = random.chance(0.7) ? 1 : random.below(4); n >= 0; n--)
        if (copy.length > 0)
          copy[random.below(copy.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
      return copy;
    }
  }
}
