/** What a process hands to another comes to the same there: every kind of transaction, through an intent's bytes. */
import {
  type AnnouncedTransaction,
  decodeValue,
  encodeValue,
  objectName,
  type SegmentDescriptor,
} from '@holdfast/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RangeTombstones } from '../state/range-tombstones.js';
import { fromStoredKey, type StoredKey } from '../state/space.js';
import { fromAnnounced, oldestBase, toAnnounced } from './announced.js';
import type { Change } from './mutation.js';
import type { Proposal } from './proposal.js';
import { ReadSet } from './read-set.js';

const USER = '\x01';
const SYSTEM = '\x00';
const stored = (name: string, space = USER): StoredKey => space + name;

function reads(keys: string[], ...ranges: [begin: string, end: string | undefined][]): ReadSet {
  const set = new ReadSet();
  for (const key of keys) set.addPoint(stored(key));
  for (const [begin, end] of ranges)
    set.addRange({
      begin: fromStoredKey(stored(begin)),
      end: end === undefined ? undefined : fromStoredKey(stored(end)),
    });
  return set;
}
const proposal = (o: Partial<Proposal> = {}): Proposal => ({
  readVersion: 40,
  nowMs: 1_790_000_000_000,
  reads: new ReadSet(),
  changes: new Map(),
  deleted: RangeTombstones.none,
  bytes: 100,
  losses: 0,
  bodyMs: 0,
  ...o,
});
const changes = (...all: [StoredKey, Change][]): Map<StoredKey, Change> => new Map(all);
const segment = (baseVersion: number): SegmentDescriptor => {
  const id = new Uint8Array(24).fill(7);
  new DataView(id.buffer).setBigUint64(0, BigInt(baseVersion));
  return { id } as unknown as SegmentDescriptor;
};
/** What a proposal says of itself, to be compared. */
const said = (one: Proposal): unknown => ({
  readVersion: one.readVersion,
  nowMs: one.nowMs,
  reads: one.reads.toKeysRead(),
  changes: [...one.changes],
  deleted: [...one.deleted.all()].map(({ begin, end }) => [begin, end]),
  bulk: one.bulk,
  streamRun: one.streamRun,
});
/** There and back. */
const through = (one: Proposal, base = 50): Proposal => fromAnnounced(toAnnounced(one), { base, losses: 0 });

describe('comes back as it was:', () => {
  test.each<[string, Proposal]>([
    ['nothing at all', proposal()],
    ['what was read', proposal({ reads: reads(['b', 'a'], ['c', 'e'], ['x', undefined]) })],
    [
      'writes and deletions',
      proposal({
        changes: changes(
          [stored('a'), { value: encodeValue('one') }],
          [stored('b'), { value: undefined }],
          [stored('c'), { value: encodeValue(null) }],
        ),
      }),
    ],
    [
      'an expiry',
      proposal({ changes: changes([stored('a'), { value: encodeValue(1), expiresMs: 1_790_000_000_500 }]) }),
    ],
    [
      'a stream',
      proposal({
        changes: changes([stored('s'), { value: Uint8Array.of(1, 2, 3), stream: true }]),
        streamRun: { segments: [segment(33), segment(35)], baseVersion: 33 },
      }),
    ],
    [
      'mutations of every kind, in their order, of numbers and of big ones',
      proposal({
        changes: changes([
          stored('n'),
          {
            mutations: [
              { kind: 'add', operand: 1 },
              { kind: 'max', operand: 2n ** 80n },
              { kind: 'min', operand: -0.5 },
              { kind: 'add', operand: Number.POSITIVE_INFINITY },
            ],
          },
        ]),
      }),
    ],
    [
      'deleted ranges, before what is written',
      proposal({
        deleted: RangeTombstones.none.with([
          { begin: stored('a'), end: stored('c'), version: 0, order: 0 },
          { begin: stored('x'), end: stored('z'), version: 0, order: 0 },
        ]),
        changes: changes([stored('b'), { value: encodeValue(1) }]),
      }),
    ],
    [
      'the engine’s own entries',
      proposal({ changes: changes([stored('request', SYSTEM), { value: encodeValue({ at: 1 }) }]) }),
    ],
  ])('%s', (_, one) => {
    expect(said(through(one))).toEqual(said(one));
  });

  test('any writes and mutations', () => {
    const anyOperand = fc.oneof(fc.double({ noNaN: true }), fc.bigInt());
    const anyChange: fc.Arbitrary<Change> = fc.oneof(
      fc.record({ value: fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined }) }),
      fc.record({ value: fc.uint8Array({ maxLength: 20 }), expiresMs: fc.nat() }),
      fc.record({
        mutations: fc.array(fc.record({ kind: fc.constantFrom('add', 'max', 'min'), operand: anyOperand }), {
          minLength: 1,
          maxLength: 3,
        }),
      }),
    );
    const anyKey = fc.string({ unit: fc.constantFrom(...'abc\xff'), maxLength: 4 }).map((k) => stored(k));
    fc.assert(
      fc.property(fc.array(fc.tuple(anyKey, anyChange)), (all) => {
        const one = proposal({ changes: changes(...all) });
        expect(said(through(one))).toEqual(said(one));
      }),
    );
  });
});

test('of a large transaction, only what its segments do not hold is said again', () => {
  const bulk = [segment(12)];
  const all = changes(
    [stored('a'), { value: encodeValue('in a segment') }],
    [stored('b'), { value: undefined }],
    [stored('n'), { mutations: [{ kind: 'add', operand: 1 }] }],
    [stored('request', SYSTEM), { value: encodeValue(1) }],
  );
  const announced = toAnnounced(proposal({ bulk, changes: all }));
  expect(announced.staged).toEqual({ kind: 'bulk', segments: bulk });
  expect(announced.changes.map(({ key }) => key)).toEqual([
    fromStoredKey(stored('n')),
    fromStoredKey(stored('request', SYSTEM)),
  ]);
  const back = fromAnnounced(announced, { base: 50, losses: 0 });
  expect(back.bulk).toEqual(bulk);
  expect([...back.changes.keys()]).toEqual([stored('n'), stored('request', SYSTEM)]);
});

test('under snapshot isolation it has read nothing that it could lose by', () => {
  const back = through(proposal({ changes: changes([stored('a'), { value: encodeValue(1) }]) }));
  expect(back.reads.isEmpty).toBe(true);
  expect(back.reads.isHitBy(new Map([[stored('a'), true]]), RangeTombstones.none)).toBe(false);
});

test('nothing is believed to have been read after the base', () => {
  expect(through(proposal({ readVersion: 40 }), 39).readVersion).toBe(39);
  expect(through(proposal({ readVersion: 40 }), 41).readVersion).toBe(40);
});

test('the base of what is staged is the oldest in the names of its segments', () => {
  const segments = [segment(300), segment(2 ** 40), segment(17)];
  expect(objectName('seg/', segments[2]!.id)).toMatch(/^seg\/00000000000011-/);
  expect(oldestBase(segments)).toBe(17);
  const streamRun = { segments, baseVersion: 17 };
  expect(through(proposal({ streamRun }), 2 ** 41).streamRun).toEqual(streamRun);
});

describe('is refused:', () => {
  const mutation = (operand: unknown): AnnouncedTransaction => ({
    ...toAnnounced(proposal()),
    changes: [
      {
        key: fromStoredKey(stored('n')),
        mutations: [{ kind: 'add', operand: encodeValue(operand as string) }],
      },
    ],
  });

  test.each([['a text'], [Number.NaN], [null], [true]])('a mutation by %s', (operand) => {
    expect(decodeValue(encodeValue(operand))).toBe(operand);
    expect(() => fromAnnounced(mutation(operand), { base: 50, losses: 0 })).toThrow(TypeError);
  });

  test('an operand that is no value', () => {
    const [change] = mutation(1).changes as [{ key: Uint8Array; mutations: [] }];
    const mutations = [{ kind: 'add' as const, operand: Uint8Array.of(0xff, 0xff) }];
    const transaction = { ...mutation(1), changes: [{ ...change, mutations }] };
    expect(() => fromAnnounced(transaction, { base: 50, losses: 0 })).toThrow();
  });

  test('a key that is longer than a key can be', () => {
    const long = { key: new Uint8Array(100_000), value: encodeValue(1) };
    expect(() => fromAnnounced({ ...mutation(1), changes: [long] }, { base: 50, losses: 0 })).toThrow(
      'expected at most',
    );
  });
});
