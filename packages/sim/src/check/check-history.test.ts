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
    const history = [tx(1, [append('x', 1), append('x', 2)]), tx(2, [list('x', 1)]), tx(3, [list('x', 1, 2)])];
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
