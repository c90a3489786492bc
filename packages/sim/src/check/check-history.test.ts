/**
 * Planted histories: each class of anomaly is caught under its own name, at the levels that forbid it, and at no
 * other. Then random histories that are right, and the same with one thing wrong.
 */
import { describe, expect, test } from 'vitest';
import type { Anomaly, AnomalyKind } from './anomaly.js';
import { type CheckOptions, checkHistory } from './check-history.js';
import type { History, Operation, Transaction } from './history.js';

const append = (key: string, element: number): Operation => ({ op: 'append', key, element });
const list = (key: string, ...elements: number[]): Operation => ({ op: 'list', key, elements });
const write = (key: string, value: number): Operation => ({ op: 'write', key, value });
const read = (key: string, value: number | null): Operation => ({ op: 'read', key, value });

/** All at once, unless `more` says when. */
function tx(id: number, operations: Operation[], more: Partial<Transaction> = {}): Transaction {
  return { id, process: `p${id}`, invoked: 0, returned: 100, outcome: 'committed', operations, ...more };
}

const LEVELS = ['strict-serializable', 'serializable', 'snapshot'] as const;

function kinds(history: History, level: CheckOptions['level'], final?: CheckOptions['final']): AnomalyKind[] {
  return found(history, level, final).map(({ kind }) => kind);
}

function found(history: History, level: CheckOptions['level'], final?: CheckOptions['final']): Anomaly[] {
  return checkHistory(history, final ? { level, final } : { level });
}

/** What is found at each of LEVELS. */
function atLevels(history: History, final?: CheckOptions['final']): AnomalyKind[][] {
  return LEVELS.map((level) => kinds(history, level, final));
}

const everywhere = (...expected: AnomalyKind[]): AnomalyKind[][] => LEVELS.map(() => expected);
const at = (from: number, to: number): Partial<Transaction> => ({ invoked: from, returned: to });

describe('lists', () => {
  test('a right history has no anomalies', () => {
    const history = [
      tx(1, [list('x'), append('x', 1), list('x', 1)], at(0, 1)),
      tx(2, [append('x', 2), append('y', 3)], at(2, 4)),
      tx(3, [list('x', 1, 2), list('y', 3)], at(3, 5)),
      tx(4, [list('x', 1), list('y')], at(2, 3)),
      tx(5, [append('x', 9)], { ...at(0, 9), outcome: 'aborted' }),
    ];
    const final = new Map([
      ['x', [1, 2]],
      ['y', [3]],
    ]);
    expect(atLevels(history, final)).toEqual(everywhere());
  });

  test('G0: writes of two transactions are interleaved', () => {
    const history = [
      tx(1, [append('x', 1), append('y', 1)]),
      tx(2, [append('x', 2), append('y', 2)]),
      tx(3, [list('x', 1, 2)]),
      tx(4, [list('y', 2, 1)]),
    ];
    expect(atLevels(history)).toEqual(everywhere('G0'));
  });

  test('G1a: a read of an aborted append', () => {
    const history = [tx(1, [append('x', 1)], { outcome: 'aborted' }), tx(2, [list('x', 1)])];
    expect(atLevels(history)).toEqual(everywhere('G1a'));
    expect(atLevels([history[0]!], new Map([['x', [1]]]))).toEqual(everywhere('G1a'));
  });

  test('G1b: a read between two appends of one transaction', () => {
    const history = [
      tx(1, [append('x', 1), append('x', 2)]),
      tx(2, [list('x', 1)]),
      tx(3, [list('x', 1, 2)]),
    ];
    for (const each of atLevels(history)) expect(each).toContain('G1b');
  });

  test('G1c: each of two transactions read what the other wrote', () => {
    const history = [tx(1, [append('x', 1), list('y', 2)]), tx(2, [append('y', 2), list('x', 1)])];
    expect(atLevels(history)).toEqual(everywhere('G1c'));
  });

  test('G-single: one half of another transaction is seen', () => {
    const history = [tx(1, [append('x', 1), append('y', 2)]), tx(2, [list('x', 1), list('y')])];
    expect(atLevels(history)).toEqual(everywhere('G-single'));
  });

  test('G2: write skew, which snapshot isolation allows', () => {
    const history = [tx(1, [list('x'), append('y', 1)]), tx(2, [list('y'), append('x', 2)])];
    expect(atLevels(history)).toEqual([['G2'], ['G2'], []]);
  });

  test('a long fork: G2 for serializability, and not allowed by snapshot isolation either', () => {
    const history = [
      tx(1, [append('x', 1)]),
      tx(2, [append('y', 2)]),
      tx(3, [list('x', 1), list('y')]),
      tx(4, [list('x'), list('y', 2)]),
    ];
    expect(atLevels(history)).toEqual([['G2'], ['G2'], ['G-nonadjacent']]);
  });
});

describe('appends that nobody read yet', () => {
  test('come after what was read', () => {
    const history = [
      tx(1, [append('x', 1), list('y', 2)]),
      tx(2, [append('x', 3), append('y', 2)]),
      tx(3, [list('x', 1)]),
    ];
    expect(atLevels(history)).toEqual(everywhere('G1c'));
  });

  test('come after whoever read the list without them, though he appended himself', () => {
    const history = [
      tx(1, [list('x'), append('x', 1), list('y', 3)]),
      tx(2, [append('x', 2), append('y', 3)]),
      tx(3, [list('x')]),
    ];
    expect(atLevels(history)).toEqual(everywhere('G-single'));
  });
});

describe('lists, one read against the other', () => {
  test('an update is lost: two transactions read one version and both append', () => {
    const history = [tx(1, [list('x'), append('x', 1)]), tx(2, [list('x'), append('x', 2)])];
    for (const each of atLevels(history)) expect(each).toContain('lost-update');
    expect(atLevels([...history, tx(3, [list('x', 1, 2)])])).toEqual(everywhere('lost-update', 'G-single'));
  });

  test('internal: its own append is not there', () => {
    expect(atLevels([tx(1, [append('x', 1), list('x')])])).toEqual(everywhere('internal'));
    expect(atLevels([tx(1, [list('x'), append('x', 1), list('x')])])).toEqual(everywhere('internal'));
  });

  test('internal: a second read differs from the first', () => {
    const history = [tx(1, [append('x', 1)]), tx(2, [list('x'), list('x', 1)])];
    expect(atLevels(history)).toEqual(everywhere('internal'));
  });

  test('internal: its own append is there before it was made, as after an attempt that did commit', () => {
    const history = [tx(1, [list('x', 1), append('x', 1)])];
    expect(atLevels(history)).toEqual(everywhere('internal'));
    expect(atLevels([tx(1, [append('x', 1), list('x', 1, 1)])])).toEqual(everywhere('internal'));
  });

  test('incompatible orders: neither read is the beginning of the other', () => {
    const history = [
      tx(1, [append('x', 1)]),
      tx(2, [append('x', 2)]),
      tx(3, [list('x', 1)]),
      tx(4, [list('x', 2)]),
    ];
    expect(atLevels(history)).toEqual(everywhere('incompatible-order'));
    expect(atLevels(history.slice(0, 3), new Map([['x', [2, 1]]]))).toEqual(everywhere('incompatible-order'));
  });

  test('a duplicate: one append is there twice', () => {
    const history = [tx(1, [append('x', 1)]), tx(2, [append('x', 2)])];
    expect(atLevels([...history, tx(3, [list('x', 1, 2, 1)])])).toEqual(everywhere('duplicate'));
    expect(atLevels(history, new Map([['x', [1, 1, 2]]]))).toEqual(everywhere('duplicate'));
  });

  test('a read before the duplicate came is no anomaly more', () => {
    const history = [tx(1, [append('x', 1)]), tx(2, [append('x', 2)]), tx(3, [list('x', 1, 2)])];
    expect(atLevels(history, new Map([['x', [1, 1, 2]]]))).toEqual(everywhere('duplicate'));
  });

  test('garbage: an element that nobody appended', () => {
    expect(atLevels([tx(1, [list('x', 7)])])).toEqual(everywhere('garbage'));
    expect(atLevels([], new Map([['x', [7]]]))).toEqual(everywhere('garbage'));
  });

  test('garbage in a read that is not the longest', () => {
    const history = [
      tx(1, [append('x', 1), append('x', 2)]),
      tx(2, [list('x', 1, 2)]),
      tx(3, [list('x', 7)]),
    ];
    expect(atLevels(history)).toEqual(everywhere('incompatible-order', 'garbage'));
  });
});

describe('lost writes', () => {
  test('a committed append is not in the final state', () => {
    const history = [tx(1, [append('x', 1)]), tx(2, [append('x', 2)])];
    expect(atLevels(history, new Map([['x', [2]]]))).toEqual(everywhere('lost-write'));
    expect(atLevels(history, new Map())).toEqual(everywhere('lost-write'));
  });

  test('an append that was seen is not in the final state, though its outcome is unknown', () => {
    const history = [tx(1, [append('x', 1)], { outcome: 'unknown', returned: null }), tx(2, [list('x', 1)])];
    expect(atLevels(history)).toEqual(everywhere());
    expect(atLevels(history, new Map())).toEqual(everywhere('lost-write'));
  });

  test('a committed append is not in any later read', () => {
    const history = [tx(1, [append('x', 1)], at(0, 1)), tx(2, [list('x')], at(2, 3))];
    expect(atLevels(history)).toEqual([['lost-write'], [], []]);
  });

  test('what nobody read need not be there yet', () => {
    const history = [tx(1, [append('x', 1)], at(0, 2)), tx(2, [list('x')], at(2, 3))];
    expect(atLevels(history)).toEqual(everywhere());
  });

  test('a register holds what was overwritten', () => {
    const history = [tx(1, [write('r', 1)]), tx(2, [read('r', 1), write('r', 2)])];
    expect(atLevels(history, new Map([['r', 2]]))).toEqual(everywhere());
    expect(atLevels(history, new Map([['r', 1]]))).toEqual(everywhere('lost-write'));
    expect(atLevels(history, new Map())).toEqual(everywhere('lost-write'));
  });

  test('a register holds what was overwritten by one that began later', () => {
    const history = [tx(1, [write('r', 1)], at(0, 1)), tx(2, [write('r', 2)], at(2, 3))];
    expect(atLevels(history, new Map([['r', 1]]))).toEqual([['lost-write'], [], []]);
  });
});

describe('unknown outcomes', () => {
  const maybe = { outcome: 'unknown', returned: null } as const;

  test('what nobody saw did not happen, and its reads promise nothing', () => {
    const history = [tx(1, [list('x', 9), append('x', 1)], maybe), tx(2, [list('x')])];
    expect(atLevels(history, new Map())).toEqual(everywhere());
  });

  test('what was seen happened, with all its reads', () => {
    const history = [tx(1, [list('y', 9), append('x', 1)], maybe), tx(2, [list('x', 1)])];
    expect(atLevels(history)).toEqual(everywhere('garbage'));
  });

  test('what was seen by one that was seen happened too', () => {
    const history = [
      tx(1, [list('z', 9), write('r', 1)], maybe),
      tx(2, [read('r', 1), append('y', 2)], maybe),
      tx(3, [list('y', 2)]),
    ];
    expect(atLevels(history)).toEqual(everywhere('garbage'));
    expect(atLevels(history.slice(0, 2))).toEqual(everywhere());
    expect(atLevels(history.slice(0, 2), new Map([['y', [2]]]))).toEqual(everywhere('garbage', 'lost-write'));
  });

  test('it may take effect long after its caller gave up', () => {
    const history = [
      tx(1, [append('x', 1)], { outcome: 'unknown', invoked: 0, returned: 1 }),
      tx(2, [list('x')], at(5, 6)),
      tx(3, [list('x', 1)], at(7, 8)),
    ];
    expect(atLevels(history)).toEqual(everywhere());
  });

  test('but not before it was invoked', () => {
    const history = [tx(1, [append('x', 1)], { ...maybe, invoked: 5 }), tx(2, [list('x', 1)], at(2, 3))];
    expect(atLevels(history)).toEqual([['real-time'], [], []]);
  });
});

describe('real time', () => {
  test('an older state is read after a newer one was', () => {
    const history = [
      tx(1, [append('x', 1)], at(0, 100)),
      tx(2, [list('x', 1)], at(1, 2)),
      tx(3, [list('x')], at(3, 4)),
    ];
    expect(atLevels(history)).toEqual([['real-time'], [], []]);
  });

  test('the violation goes over another key and a third transaction', () => {
    const history = [
      tx(1, [append('x', 1)], at(0, 1)),
      tx(2, [append('y', 2)], at(2, 3)),
      tx(3, [list('y', 2), list('x')], at(0, 9)),
      tx(4, [list('x', 1)], at(0, 9)),
    ];
    expect(atLevels(history)).toEqual([['real-time'], [], []]);
  });

  test('to return in the moment of the other invocation is no order', () => {
    const history = [tx(1, [append('x', 1)], at(0, 2)), tx(2, [list('x')], at(2, 3)), tx(3, [list('x', 1)])];
    expect(atLevels(history)).toEqual(everywhere());
  });

  test('a stale read may be as old as it says, and no older', () => {
    const history = (stalenessMs: number): History => [
      tx(1, [append('x', 1)], at(0, 10)),
      tx(2, [list('x')], { ...at(15, 16), stalenessMs }),
      tx(3, [list('x', 1)], at(17, 18)),
    ];
    expect(atLevels(history(5))).toEqual(everywhere());
    expect(atLevels(history(4))).toEqual([['real-time'], [], []]);
  });

  test('what a stale read saw is there for whoever comes after it', () => {
    const history = [
      tx(1, [append('x', 1)], at(0, 100)),
      tx(2, [list('x', 1)], { ...at(10, 11), stalenessMs: 50 }),
      tx(3, [list('x')], at(12, 13)),
    ];
    expect(atLevels(history)).toEqual([['real-time'], [], []]);
  });

  test('the message names the transactions and their times', () => {
    const history = [
      tx(7, [append('x', 1)], at(0, 1)),
      tx(8, [list('x')], at(2, 3)),
      tx(9, [list('x', 1)], at(0, 9)),
    ];
    const [anomaly, ...others] = found(history, 'strict-serializable');
    expect(others).toEqual([]);
    expect([...anomaly!.transactions].sort()).toEqual([7, 8]);
    expect(anomaly!.message).toContain('T7 had returned at 1, T8 was invoked at 2 (rt)');
    expect(anomaly!.message).toContain('T8 read "x" without a value, before T7 wrote 1 (rw)');
  });
});

describe('registers', () => {
  test('a right history has no anomalies', () => {
    const history = [
      tx(1, [read('r', null), write('r', 1), read('r', 1)], at(0, 1)),
      tx(2, [write('r', 2), write('r', 3), write('s', 4)], at(2, 5)),
      tx(3, [read('r', 1)], at(3, 4)),
      tx(4, [read('r', 3), read('s', 4), read('r', 3)], at(4, 6)),
      tx(5, [write('r', 6)], at(7, 8)),
    ];
    const final = new Map([
      ['r', 6],
      ['s', 4],
    ]);
    expect(atLevels(history, final)).toEqual(everywhere());
  });

  test('garbage, aborted and intermediate values', () => {
    expect(atLevels([tx(1, [read('r', 1)])])).toEqual(everywhere('garbage'));
    const aborted = tx(1, [write('r', 1)], { outcome: 'aborted' });
    expect(atLevels([aborted, tx(2, [read('r', 1)])])).toEqual(everywhere('G1a'));
    expect(atLevels([aborted], new Map([['r', 1]]))).toEqual(everywhere('G1a'));
    const twice = tx(1, [write('r', 1), write('r', 2)]);
    expect(atLevels([twice, tx(2, [read('r', 1)])])).toEqual(everywhere('G1b'));
  });

  test('internal: it does not see its own write, or reads two values, or reads its write too early', () => {
    expect(atLevels([tx(1, [write('r', 1), read('r', null)])])).toEqual(everywhere('internal'));
    expect(atLevels([tx(1, [write('r', 1)]), tx(2, [read('r', null), read('r', 1)])])).toEqual(
      everywhere('internal'),
    );
    expect(atLevels([tx(1, [read('r', 1), write('r', 1)])])).toEqual(everywhere('internal'));
  });

  test('G0: versions known by reads, in two orders', () => {
    const history = [
      tx(1, [write('a', 1), write('b', 11)]),
      tx(2, [write('a', 2), write('b', 12)]),
      // What each read is before what it wrote, so that 1 < 3 < 2 would need 3 to be read by the second.
      tx(3, [read('a', 1), write('a', 3), read('b', 12), write('b', 13)]),
    ];
    // It saw one half of each: T1 and T2 are both before and, by the other key, maybe after. Nothing certain.
    expect(atLevels(history)).toEqual(everywhere());
    const circle = [tx(1, [read('a', 2), write('a', 1)]), tx(2, [read('a', 1), write('a', 2)])];
    expect(atLevels(circle)).toEqual(everywhere('G0'));
  });

  test('G1c, G-single and G2', () => {
    const g1c = [tx(1, [write('r', 1), read('s', 2)]), tx(2, [write('s', 2), read('r', 1)])];
    expect(atLevels(g1c)).toEqual(everywhere('G1c'));
    const skew = [tx(1, [write('r', 1), write('s', 2)]), tx(2, [read('r', 1), read('s', null)])];
    expect(atLevels(skew)).toEqual(everywhere('G-single'));
    const writeSkew = [tx(1, [read('r', null), write('s', 2)]), tx(2, [read('s', null), write('r', 1)])];
    expect(atLevels(writeSkew)).toEqual([['G2'], ['G2'], []]);
  });

  test('an update is lost: two transactions read one value and both write', () => {
    const history = [
      tx(1, [write('r', 1)]),
      tx(2, [read('r', 1), write('r', 2)]),
      tx(3, [read('r', 1), write('r', 3)]),
    ];
    for (const each of atLevels(history)) expect(each).toContain('lost-update');
    const first = [tx(2, [read('r', null), write('r', 2)]), tx(3, [read('r', null), write('r', 3)])];
    for (const each of atLevels(first)) expect(each).toContain('lost-update');
  });

  test('real time: a value is read after another had been written over it', () => {
    const history = [
      tx(1, [write('r', 1)], at(0, 1)),
      tx(2, [write('r', 2)], at(2, 3)),
      tx(3, [read('r', 1)], at(4, 5)),
    ];
    expect(atLevels(history)).toEqual([['real-time'], [], []]);
    expect(atLevels([history[0]!, history[1]!, tx(3, [read('r', 1)], at(3, 5))])).toEqual(everywhere());
    expect(
      atLevels([history[0]!, history[1]!, tx(3, [read('r', 1)], { ...at(4, 5), stalenessMs: 1 })]),
    ).toEqual(everywhere());
  });

  test('real time: what a read-then-write left is behind what was written after it', () => {
    const history = [
      tx(1, [write('r', 1)], at(0, 1)),
      tx(2, [read('r', 1), write('r', 2)], at(2, 3)),
      tx(3, [write('r', 3)], at(4, 5)),
      tx(4, [read('r', 2)], at(6, 7)),
    ];
    expect(atLevels(history)).toEqual([['real-time'], [], []]);
    expect(atLevels(history.slice(0, 3), new Map([['r', 2]]))).toEqual([['lost-write'], [], []]);
  });

  test('real time: nothing is read after something was', () => {
    const history = [
      tx(1, [write('r', 1)], at(0, 9)),
      tx(2, [read('r', 1)], at(1, 2)),
      tx(3, [read('r', null)], at(3, 4)),
    ];
    expect(atLevels(history)).toEqual([['real-time'], [], []]);
  });

  test('many readers of nothing and many writers are one anomaly each way', () => {
    const history: Transaction[] = [];
    for (let i = 0; i < 50; i++)
      history.push(tx(i, [write('r', i)], at(0, 1)), tx(100 + i, [read('r', null)], at(2, 3)));
    expect(atLevels(history)).toEqual([['real-time'], [], []]);
  });
});

test('a reader that writes too is not before itself', () => {
  const history = [
    tx(1, [read('r', null), write('r', 1)]),
    tx(2, [read('r', null)]),
    tx(3, [write('r', 3)]),
    tx(4, [list('x'), append('x', 4)]),
    tx(5, [list('x')]),
    tx(6, [append('x', 6)]),
  ];
  expect(atLevels(history)).toEqual(everywhere());
});

describe('what is no history', () => {
  const refused = (history: History, final?: CheckOptions['final']): void => {
    expect(() => found(history, 'snapshot', final)).toThrow(RangeError);
  };
  test('is refused', () => {
    refused([tx(1, []), tx(1, [])]);
    refused([tx(1, [append('x', 1), append('x', 1)])]);
    refused([tx(1, [write('x', 1)]), tx(2, [write('x', 1)])]);
    refused([tx(1, [write('x', 1), append('x', 2)])]);
    refused([tx(1, [write('x', 1)])], new Map([['x', [1]]]));
    refused([tx(1, [], at(2, 1))]);
  });
});
