/**
 * Range deletes and expiry: histories made by hand, right and wrong, then random executions that are right by
 * construction, and the same with one thing made wrong. What is wrong must be found whatever order the log claims.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnomalyKind } from './anomaly.js';
import { KeySpace } from './key-space.js';
import type { Found, RangeOperation, RangeReader, RangeWriter } from './range-history.js';
import { SerialOrder } from './serial-order.js';

const set = (key: number, value: number, expiresMs: number | null = null): RangeOperation => ({
  op: 'set',
  key,
  value,
  expiresMs,
});
const get = (key: number, value: number | null, expiresMs: number | null = null): RangeOperation => ({
  op: 'get',
  key,
  found: value === null ? null : [key, value, expiresMs],
});
const has = (key: number, there: boolean): RangeOperation => ({ op: 'has', key, there });
const add = (key: number, n: number): RangeOperation => ({ op: 'add', key, n });
const deleteRange = (from: number, to: number): RangeOperation => ({ op: 'deleteRange', from, to });
const count = (from: number, to: number, found: number): RangeOperation => ({
  op: 'count',
  from,
  to,
  count: found,
});
const scan = (from: number, to: number, ...found: [number, number][]): RangeOperation => ({
  op: 'scan',
  from,
  to,
  reverse: false,
  limit: 0,
  found: found.map(([key, value]): Found => [key, value, null]),
});

/** Writes version `id` alone, having read the one before it, all at once by the clock. */
function writer(id: number, operations: RangeOperation[], more: Partial<RangeWriter> = {}): RangeWriter {
  const process = `p${id}`;
  const place = { version: id, order: 0, readVersion: id - 1, nowMs: 1_000 };
  return { id, process, invoked: 0, returned: 100, operations, ...place, ...more };
}

function reader(id: number, operations: RangeOperation[], more: Partial<RangeReader> = {}): RangeReader {
  const process = `p${id}`;
  const seen = { readVersion: 0, exact: false, nowMs: [1_000, 1_000] } as const;
  return { id, process, invoked: 0, returned: 100, operations, ...seen, ...more };
}

const LEVELS = ['strict-serializable', 'serializable', 'snapshot'] as const;

/** What is found at each of LEVELS. */
function atLevels(writers: RangeWriter[], readers: RangeReader[] = []): AnomalyKind[][] {
  const order = new SerialOrder({ writers, readers });
  return LEVELS.map((level) => order.check(level).map(({ kind }) => kind));
}

const everywhere = (...expected: AnomalyKind[]): AnomalyKind[][] => LEVELS.map(() => expected);

/** Whether no order of these transactions is found right, whichever the log claims. */
function isWrongInAnyOrder(writers: readonly RangeWriter[]): boolean {
  return permutations(writers).every((order) => {
    const claimed = order.map((each, i) => ({ ...each, version: i + 1, readVersion: i }));
    return new SerialOrder({ writers: claimed, readers: [] }).check('serializable').length > 0;
  });
}

function permutations<T>(of: readonly T[]): T[][] {
  if (of.length === 0) return [[]];
  return of.flatMap((each, i) => permutations(of.toSpliced(i, 1)).map((rest) => [each, ...rest]));
}

describe('range deletes', () => {
  test('write absence to every key of the range, those too that were not there', () => {
    const history = [
      writer(1, [set(1, 10), set(4, 40)]),
      writer(2, [deleteRange(1, 4)]),
      writer(3, [get(1, null), get(2, null), scan(0, 9, [4, 40]), count(1, 4, 0)]),
    ];
    expect(atLevels(history)).toEqual(everywhere());
  });

  test('are blind: the order of the log decides against a blind write, an addition or another range', () => {
    // None of them saw the others: all read version 0.
    const blind = (order: RangeOperation[][]): RangeWriter[] =>
      order.map((operations, i) => writer(i + 1, operations, { readVersion: 0 }));
    const over = blind([[set(1, 10)], [add(2, 5)], [deleteRange(0, 2)], [deleteRange(1, 3)]]);
    expect(atLevels(over, [reader(9, [scan(0, 9)], { readVersion: 4 })])).toEqual(everywhere());
    const under = blind([[deleteRange(0, 3)], [deleteRange(1, 9)], [set(1, 10)], [add(2, 5)]]);
    expect(atLevels(under, [reader(9, [scan(0, 9, [1, 10], [2, 5])], { readVersion: 4 })])).toEqual(
      everywhere(),
    );
  });

  test('delete what the same transaction wrote before, and not what it wrote after', () => {
    const history = [
      writer(1, [set(1, 10)]),
      writer(2, [
        set(2, 20),
        deleteRange(0, 9),
        get(1, null),
        get(2, null),
        set(3, 30),
        add(1, 7),
        scan(0, 9, [1, 7], [3, 30]),
      ]),
    ];
    expect(atLevels(history, [reader(9, [scan(0, 9, [1, 7], [3, 30])], { readVersion: 2 })])).toEqual(
      everywhere(),
    );
    const old = [history[0]!, writer(2, [deleteRange(0, 9), add(1, 7), get(1, 17)])];
    expect(atLevels(old)).toEqual(everywhere('not-serial'));
  });

  test('a transaction that read a key which was deleted meanwhile, both in a cycle, is found', () => {
    const first = writer(1, [set(1, 10), set(8, 80)]);
    const cycle = [
      first,
      // Each read what was there before the other wrote.
      writer(2, [get(1, 10), set(9, 90)], { readVersion: 1 }),
      writer(3, [get(8, 80), get(9, null), deleteRange(0, 5)], { readVersion: 1 }),
    ];
    expect(atLevels(cycle)).toEqual([['not-serial'], ['not-serial'], []]);
    expect(isWrongInAnyOrder(cycle)).toBe(true);
    const oneWay = [first, cycle[1]!, writer(3, [get(9, 90), deleteRange(0, 5)])];
    expect(atLevels(oneWay)).toEqual(everywhere());
  });

  test.each([
    ['walk', scan(0, 5, [1, 10])],
    ['count', count(0, 5, 1)],
    ['has', has(1, true)],
    ['walk of one', { ...scan(0, 5, [1, 10]), limit: 1, reverse: true } as RangeOperation],
  ])('so is one that had seen it by a %s', (_, read) => {
    const cycle = [
      writer(1, [set(1, 10), set(8, 80)]),
      writer(2, [read, set(9, 90)], { readVersion: 1 }),
      writer(3, [get(8, 80), get(9, null), deleteRange(0, 5)], { readVersion: 1 }),
    ];
    expect(isWrongInAnyOrder(cycle)).toBe(true);
  });

  test('a phantom: what was counted as absent appears before the one that counted', () => {
    const cycle = [
      writer(1, [deleteRange(0, 5), count(5, 9, 0)]),
      writer(2, [count(0, 5, 0), set(6, 60)], { readVersion: 0 }),
      writer(3, [set(1, 10), scan(5, 9, [6, 60])]),
      writer(4, [get(1, 10), count(5, 9, 0)]),
    ];
    expect(isWrongInAnyOrder(cycle)).toBe(true);
  });

  test('half of a range is not deleted', () => {
    const history = [writer(1, [set(1, 10), set(2, 20)]), writer(2, [deleteRange(0, 5)])];
    expect(atLevels(history, [reader(9, [scan(0, 5, [2, 20])])])).toEqual(everywhere('not-serial'));
  });

  test('a key comes back that a range had deleted', () => {
    const history = [writer(1, [set(1, 10)]), writer(2, [deleteRange(0, 5)]), writer(3, [set(2, 20)])];
    const back = reader(9, [scan(0, 5, [1, 10], [2, 20])], { readVersion: 3, exact: true });
    expect(atLevels(history, [back])).toEqual(everywhere('not-serial'));
  });

  test('a write of the same record but before the range is deleted, one after it stays', () => {
    const record = [
      writer(1, [set(1, 10)], { version: 5, order: 0, readVersion: 4 }),
      writer(2, [deleteRange(0, 5)], { version: 5, order: 1, readVersion: 4 }),
      writer(3, [set(2, 20)], { version: 5, order: 2, readVersion: 4 }),
    ];
    expect(atLevels(record, [reader(9, [scan(0, 5, [2, 20])], { readVersion: 5 })])).toEqual(everywhere());
  });
});

describe('snapshot isolation', () => {
  test('allows write skew over a range, and reads of one older state', () => {
    const skew = [
      writer(1, [count(5, 9, 0), set(1, 10)], { readVersion: 0 }),
      writer(2, [count(0, 5, 0), set(6, 60)], { readVersion: 0 }),
    ];
    expect(atLevels(skew)).toEqual([['not-serial'], ['not-serial'], []]);
  });

  test('does not allow reads of two states', () => {
    const history = [
      writer(1, [set(1, 10)]),
      writer(2, [deleteRange(0, 5), set(6, 60)]),
      writer(3, [get(1, 10), get(6, 60), set(7, 70)], { readVersion: 2 }),
    ];
    expect(atLevels(history)).toEqual(everywhere('not-serial'));
  });

  test('does not allow two to set one key without seeing each other', () => {
    const history = [writer(1, [set(1, 10)]), writer(2, [set(1, 20)], { readVersion: 0 })];
    expect(atLevels(history)).toEqual([[], [], ['lost-update']]);
  });
});

describe('readers', () => {
  const history = [
    writer(1, [set(1, 10)], { invoked: 0, returned: 1 }),
    writer(2, [deleteRange(0, 5)], { invoked: 2, returned: 3 }),
    writer(3, [set(1, 30)], { invoked: 6, returned: 7 }),
  ];

  test('see one state, and none from before what had returned', () => {
    const absent = reader(9, [count(0, 5, 0)], { invoked: 4, returned: 5 });
    expect(atLevels(history, [absent])).toEqual(everywhere());
    const old = reader(9, [count(0, 5, 1), get(1, 10)], { invoked: 4, returned: 5 });
    expect(atLevels(history, [old])).toEqual([['not-serial'], [], []]);
    const gone = { ...old, past: true, exact: true, readVersion: 1 } as const;
    expect(atLevels(history, [gone])).toEqual(everywhere());
    expect(atLevels(history, [{ ...gone, readVersion: 2 }])).toEqual(everywhere('not-serial'));
  });

  test('are not ahead of those that are invoked after them', () => {
    const early = reader(9, [get(1, 30)], { invoked: 4, returned: 5 });
    expect(atLevels(history, [early])).toEqual([['real-time'], [], []]);
  });

  test('do not go back: what one saw is there for the next', () => {
    const deleting = writer(2, [deleteRange(0, 5)], { invoked: 2, returned: 100 });
    const [first, second] = [
      reader(8, [has(1, false)], { invoked: 3, returned: 4 }),
      reader(9, [has(1, true)], { invoked: 5, returned: 6 }),
    ];
    expect(atLevels([history[0]!, deleting], [first, second])).toEqual([['not-serial'], [], []]);
    expect(atLevels([history[0]!, deleting], [first, { ...second, invoked: 4 }])).toEqual(everywhere());
  });

  test('the log agrees with the clock', () => {
    const late = [
      writer(1, [set(1, 10)], { invoked: 5, returned: 6 }),
      writer(2, [set(2, 20)], { invoked: 1, returned: 2 }),
    ];
    expect(atLevels(late)).toEqual([['real-time'], [], []]);
    expect(atLevels([late[0]!, { ...late[1]!, returned: null }])).toEqual(everywhere());
  });
});

describe('expiry', () => {
  const lease = writer(1, [set(1, 10, 5_000)]);

  test('an entry is there before its moment by the clock of who reads, and absent from it on', () => {
    const at = (nowMs: number, ...operations: RangeOperation[]): AnomalyKind[][] =>
      atLevels([lease, writer(2, operations, { nowMs })]);
    expect(at(4_999, get(1, 10, 5_000), count(0, 5, 1), has(1, true))).toEqual(everywhere());
    expect(at(5_000, get(1, null), count(0, 5, 0), has(1, false), scan(0, 5))).toEqual(everywhere());
    expect(at(4_999, has(1, false))).toEqual(everywhere('not-serial'));
    expect(at(5_000, has(1, true))).toEqual(everywhere('not-serial'));
    // One with a slow clock still sees it after one with a fast clock did not.
    const slow = writer(3, [has(1, true)], { nowMs: 4_000 });
    expect(atLevels([lease, writer(2, [has(1, false)], { nowMs: 6_000 }), slow])).toEqual(everywhere());
  });

  test('no transaction sees one key both ways', () => {
    for (const nowMs of [4_000, 5_000, 6_000]) {
      const both = [lease, writer(2, [has(1, true), count(0, 5, 0)], { nowMs })];
      expect(atLevels(both)).toEqual(everywhere('not-serial'));
    }
    const snapshot = reader(9, [has(1, true), scan(0, 5)], { nowMs: [0, 9_000] });
    expect(atLevels([lease], [snapshot])).toEqual(everywhere('not-serial'));
  });

  test('an expired entry that was rewritten conflicts all the same', () => {
    const rewritten = writer(2, [set(1, 20, 9_000)], { nowMs: 6_000 });
    const blindToIt = writer(3, [has(1, false), set(7, 70)], { nowMs: 6_000, readVersion: 1 });
    expect(atLevels([lease, rewritten, blindToIt])).toEqual([['not-serial'], ['not-serial'], []]);
  });

  test('an addition keeps the expiry of what is alive, and an expired base is none', () => {
    const later = (nowMs: number): RangeWriter => writer(2, [add(1, 5)], { nowMs });
    const alive = reader(9, [get(1, 15, 5_000)], { readVersion: 2 });
    expect(atLevels([lease, later(4_000)], [alive])).toEqual(everywhere());
    const anew = reader(9, [get(1, 5)], { readVersion: 2, nowMs: [9_000, 9_000] });
    expect(atLevels([lease, later(5_000)], [anew])).toEqual(everywhere());
    expect(atLevels([lease, later(5_000)], [alive])).toEqual(everywhere('not-serial'));
  });

  test('a range deletes what has expired too: a slower clock does not see it again', () => {
    const deleted = [lease, writer(2, [deleteRange(0, 5)], { nowMs: 9_000 })];
    const slow = (operation: RangeOperation): RangeReader =>
      reader(9, [operation], { nowMs: [1, 1], readVersion: 2 });
    expect(atLevels(deleted, [slow(has(1, false))])).toEqual(everywhere());
    expect(atLevels(deleted, [slow(has(1, true))])).toEqual(everywhere('not-serial'));
  });
});

test('what is no history is refused', () => {
  const refused = (writers: RangeWriter[]): void => {
    expect(() => new SerialOrder({ writers, readers: [] })).toThrow(RangeError);
  };
  refused([writer(1, []), writer(1, [], { version: 2 })]);
  refused([writer(1, []), writer(2, [], { version: 1 })]);
});

interface Plan {
  readonly steps: readonly { readonly kind: number; readonly key: number; readonly width: number }[];
  readonly nowMs: number;
}

const plans: fc.Arbitrary<Plan[]> = fc.array(
  fc.record({
    steps: fc.array(fc.record({ kind: fc.nat(6), key: fc.nat(3), width: fc.integer({ min: 1, max: 4 }) }), {
      minLength: 1,
      maxLength: 4,
    }),
    nowMs: fc.nat(20),
  }),
  { minLength: 1, maxLength: 12 },
);

/** One transaction after the other, each on all that is before it. */
function serially(chosen: readonly Plan[]): RangeWriter[] {
  let state = new KeySpace();
  return chosen.map(({ steps, nowMs }, i) => {
    const operations = steps.map(({ kind, key, width }, n): RangeOperation => {
      const span = { from: key, to: key + width };
      const seen = state.seen(nowMs, span);
      const operation: RangeOperation = [
        set(key, 100 * i + n, kind % 2 ? null : 10 + width),
        set(key, 100 * i + n),
        deleteRange(span.from, span.to),
        add(key, 1),
        { op: 'get', key, found: seen[0]?.[0] === key ? seen[0] : null } as const,
        { op: 'scan', ...span, reverse: false, limit: 0, found: seen } as const,
        count(span.from, span.to, seen.length),
      ][kind]!;
      state = state.after(operation, nowMs);
      return operation;
    });
    return writer(i + 1, operations, { invoked: 10 * i, returned: 10 * i + 5, nowMs });
  });
}

test('a serial execution is right at every level', () => {
  fc.assert(
    fc.property(plans, (chosen) => {
      expect(atLevels(serially(chosen))).toEqual(everywhere());
    }),
  );
});

test('planted: a write, an addition or a range that did not happen is missed by who would have seen it', () => {
  fc.assert(
    fc.property(plans, fc.nat(), (chosen, pick) => {
      const right = serially(chosen);
      const i = pick % right.length;
      const lost = right.with(i, { ...right[i]!, operations: [] });
      const state = (writers: readonly RangeWriter[]): unknown[] => [
        ...new SerialOrder({ writers, readers: [] }).stateAt(right.length).seen(0, { from: 0, to: 9 }),
      ];
      const there = state(right) as Found[];
      const end = reader(999, [{ op: 'scan', from: 0, to: 9, reverse: false, limit: 0, found: there }], {
        readVersion: right.length,
        nowMs: [0, 0],
      });
      fc.pre(JSON.stringify(state(lost)) !== JSON.stringify(there));
      expect(new SerialOrder({ writers: lost, readers: [end] }).check('serializable')).not.toEqual([]);
    }),
  );
});
