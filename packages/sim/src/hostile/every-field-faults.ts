/**
 * What may be wrong with a database that has every field (every-field.ts): for each rule of FORMAT.md a change that
 * breaks it, made by someone who has the keys.
 */
import { userKey } from './field-writes.js';
import type { Body, Clear, Extension, Held, Listed, Meta } from './layout.js';
import type { SegmentTree, Spec } from './rebuild.js';
import { hex, type World } from './world.js';

type Change = (world: World) => Spec;
/** What is wrong, how it is done, and what the second reader says. */
export type Fault = readonly [name: string, change: Change, says: string];

export const body =
  (version: number, change: (body: Body) => unknown): Change =>
  () => ({ bodies: new Map([[version, (of) => void change(of)]]) });
const clear =
  (version: number, change: (clear: Clear) => unknown): Change =>
  () => ({ clears: new Map([[version, (of) => void change(of)]]) });
const extension = (version: number, type: number, change: (of: Extension) => unknown): Change =>
  clear(version, ({ extensions }) => change(extensions.find((each) => each.type === type)!));
/** Of the newest record that has a page of the level. */
const page = (level: number, change: (listed: Listed[]) => unknown): Change => {
  return (world) => {
    const record = world.records.findLast(({ clear: of }) => of.pages.some((each) => each.level === level))!;
    const id = record.pages[record.clear.pages.findIndex((each) => each.level === level)]!;
    return { pages: new Map([[id, (listed) => void change(listed)]]) };
  };
};
const segment = (which: (meta: Meta) => boolean, change: (tree: SegmentTree) => unknown): Change => {
  return (world) => {
    const [id, { meta, chunks }] = [...world.segments].find(([, of]) => which(of.meta))!;
    const tree = structuredClone({ meta, chunks }) as SegmentTree;
    change(tree);
    return { segments: new Map([[id, tree]]), agree: true };
  };
};
/** Of as many bytes as a turn's whole read set may have. */
const longKey = new Uint8Array(4096).fill(9);
const varints = (...numbers: number[]): Uint8Array => Uint8Array.from(numbers);

/** Of what every database has. */
export const FAULTS: readonly Fault[] = [
  ['tiles up to a record between two tiles', clear(9, (of) => (of.tiledThrough = 1)), 'tiledThrough'],
  ['another grace period', clear(9, (of) => (of.graceMs = 1)), 'another grace period'],
  ['a floor that goes back', clear(9, (of) => (of.floor = 2)), 'floor that goes back'],
  ['flushed writes that are not', clear(7, (of) => (of.flushedThrough = 2)), 'flushedThrough that goes back'],
  ['another history', clear(9, (of) => of.history[0]!.fill(0)), 'another history'],
  ['another parent', clear(9, (of) => of.parent.fill(0)), 'another parent'],
  ['a time before the parent’s', body(9, (of) => (of.timeMs = 1)), 'a time that goes back'],
  ['a clock before 1970', body(9, (of) => (of.behindMs = Number(of.timeMs) + 1)), 'a clock before 1970'],
  ['flags that are none', body(7, (of) => (of.flags = 4)), "can't be read"],
  ['a successor that is not named', body(7, (of) => delete of.successor), "can't be read"],
  [
    'more stores than 16',
    body(2, (of) => of.stores.push(...Array(17).fill(new Uint8Array(8)))),
    'too many stores',
  ],
  ['more turns than 64', body(7, (of) => of.turns.push(...Array(63).fill(of.turns[0]!))), 'too many turns'],
  [
    'a turn of more than a minute',
    body(7, (of) => (of.turns[1]!.waitMs = 60_001)),
    'a turn that is too long',
  ],
  [
    'a turn of too large a read set',
    body(7, (of) => (of.turns[0]!.reads.points[1] = longKey)),
    "can't be read",
  ],
  [
    'a turn of a key twice',
    body(7, (of) => (of.turns[0]!.reads.points[1] = userKey('a', 0))),
    "can't be read",
  ],
  [
    'a turn of an empty range',
    body(7, ({ turns }) => (turns[0]!.reads.ranges[0]!.end = turns[0]!.reads.ranges[0]!.begin)),
    "can't be read",
  ],
  ['a read of its own version', body(9, (of) => (of.transactions[0]!.readVersion = 9)), 'a read version'],
  ['an epoch that is gone', clear(9, (of) => of.extensions.splice(3, 1)), 'an epoch that is lost'],
  [
    'an epoch that is there and retired',
    clear(10, (of) => of.extensions.splice(3, 0, { type: 4, critical: 1, bytes: varints(1, 0, 0, 0, 2) })),
    'a retired epoch that is still there',
  ],
  [
    'a run of another transaction',
    body(5, (of) => of.transactions.reverse()),
    'a run of another transaction',
  ],
  ['extensions out of order', clear(9, (of) => of.extensions.reverse()), 'extensions out of order'],
  ['an unknown one that is critical', extension(9, 77, (of) => (of.critical = 1)), 'a critical extension'],
  ['a known one that is not', extension(9, 1, (of) => (of.critical = 0)), 'a critical extension'],
  ['a policy of no tier', extension(9, 1, (of) => (of.bytes[0] = 4)), 'a policy'],
  ['a policy of another tier with commits', extension(9, 1, (of) => (of.bytes[0] = 3)), 'a policy'],
  ['an anchor without an id', extension(9, 1, (of) => (of.bytes = varints(2, 9, 1, 0))), 'an anchor'],
  ['an anchored version to come', extension(9, 2, (of) => (of.bytes[7] = 9)), 'an anchored version'],
  ['signers of versions to come', extension(9, 3, (of) => (of.bytes[40] = 10)), 'the versions of a signer'],
  ['a holder of another size', body(16, (of) => (of.holders[0]!.bytes = 9)), 'a holder of another size'],
  ['a holder that is another record', body(16, (of) => of.holders[0]!.hash.fill(0)), 'another record'],
  [
    'a write that expires in 1970',
    body(2, (of) => (of.transactions[0]!.writes[20]!.expires = 0)),
    "can't be read",
  ],
  ['an empty page', page(1, (listed) => listed.splice(0)), 'too many segments, or none'],
  ['segments out of order', page(1, (listed) => listed.reverse()), 'segments out of order'],
  ['levels that descend', clear(9, (of) => (of.pages[0]!.level = 3)), 'levels that do not ascend'],
  ['a run that is still to come', clear(9, (of) => (of.nextRun = 2)), 'still to come'],
  [
    'another earliest expiry',
    segment(
      (meta) => meta.earliestExpiry !== 0,
      ({ meta }) => (meta.earliestExpiry = 5),
    ),
    'another earliest expiry',
  ],
];

/** Of ranges. */
export const FAULTS_OF_RANGES: readonly Fault[] = [
  [
    'ranges that touch',
    body(3, (of) => (of.transactions[1]!.ranges[1]!.begin = of.transactions[1]!.ranges[0]!.end)),
    "can't be read",
  ],
  [
    'an empty range',
    body(3, (of) => (of.transactions[0]!.ranges[0]!.end = of.transactions[0]!.ranges[0]!.begin)),
    "can't be read",
  ],
  [
    'a carried range of the newest version',
    body(17, (of) => (of.carriedRanges[0]!.above = 2)),
    'a carried version',
  ],
  [
    'segments whose ranges overlap',
    page(1, (listed) => (listed[0]!.rangeEnd = listed[1]!.lastKey)),
    'segments whose ranges overlap',
  ],
  [
    'a hull that is another',
    page(0, (listed) => (listed.find((each) => each.entries === 0)!.rangeEnd = userKey('zzz'))),
    'a hull of range tombstones that lies',
  ],
  [
    'a range tombstone of another version',
    segment(
      (meta) => meta.entries === 0,
      ({ meta }) => (meta.ranges[0]!.version = 10),
    ),
    'a range of versions that lies',
  ],
];

/** Of streams. */
export const FAULTS_OF_STREAMS: readonly Fault[] = [
  [
    'a stream in other parts',
    body(6, (of) => (of.transactions[1]!.writes[1]!.value = varints(1, 0))),
    'in other parts',
  ],
  [
    'a part of another stream',
    body(6, (of) => (of.transactions[0]!.writes[0]!.key = userKey('q'))),
    'another stream',
  ],
  [
    'a stream of another length',
    body(6, (of) => of.transactions[1]!.writes[0]!.value!.set([0x85, 7])),
    'another length',
  ],
  ['parts that are not in the manifest', page(255, (listed) => listed.shift()), 'not in the manifest'],
  [
    'a part that is more than one value',
    page(255, (listed) => (listed[0]!.entries = 2)),
    'more than one value',
  ],
  [
    'a part that expires',
    segment(
      (meta) => hex(meta.lastKey) === hex(userKey('s', 1)),
      ({ meta, chunks }) => {
        Object.assign((chunks[0] as Held[])[0]!, { kind: 17, expires: 5 });
        meta.earliestExpiry = 5;
      },
    ),
    'a part of another length',
  ],
  ['parts out of order', page(255, (listed) => listed.reverse()), 'parts out of order'],
];

/** Of intents. */
export const FAULTS_OF_INTENTS: readonly Fault[] = [
  ['an intent floor to come', body(16, (of) => (of.intentFloor = 16)), 'an intent floor'],
  [
    'an intent floor that goes back',
    body(15, (of) => (of.intentFloor = 0)),
    'an intent floor that goes back',
  ],
  ['an intent out of turn', body(9, (of) => (of.decided[1]!.k = 3)), 'an intent out of turn'],
  [
    'one that is decided again',
    body(8, (of) => (of.decided[0]!.verdicts[1] = { kind: 2 })),
    'decided in another',
  ],
  ['one decided later', body(8, (of) => (of.decided[0]!.version = 9)), 'a decided intent'],
  [
    'a verdict on a transaction that is not there',
    body(7, (of) => (of.decided[0]!.verdicts[0]!.order = 1)),
    'a verdict on a transaction',
  ],
  ['a writer that is forgotten too early', body(14, (of) => (of.intentFloor = 8)), 'that is forgotten'],
];

/** What no object contradicts: only the states do, one after the other. */
export const FAULTS_OF_STATES: readonly Fault[] = [
  ['an anchored record that is another', extension(9, 2, (of) => of.bytes.fill(1, 8)), 'an anchored record'],
  [
    'a carried range that is left out',
    body(15, (of) => of.carriedRanges.splice(0, 1)),
    'is not what was written',
  ],
  [
    'a range tombstone that is left out',
    segment(
      (meta) => meta.entries === 0,
      ({ meta }) => meta.ranges.pop(),
    ),
    'is not what was written',
  ],
];
