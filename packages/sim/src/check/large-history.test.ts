/** Large histories: a step that is quadratic in the transactions would not end within the tests' time. */
import { expect, test } from 'vitest';
import { checkHistory } from './check-history.js';
import type { Operation, Transaction } from './history.js';

function large(transactions: number, keys: number, concurrency: number): Transaction[] {
  const state = new Map<string, readonly number[] | number>();
  let dice = 1;
  const roll = (sides: number): number => {
    dice = (dice * 48_271) % 2_147_483_647;
    return dice % sides;
  };
  return Array.from({ length: transactions }, (_, i): Transaction => {
    const operations: Operation[] = [];
    // Keys change as time goes on, so that lists stay short.
    const epoch = Math.floor(i / (keys * 20));
    for (let n = 0; n < 4; n++) {
      const name = `${n % 2 ? 'list' : 'register'} ${epoch} ${roll(keys)}`;
      const value = 10 * i + n;
      const known = state.get(name);
      const writes = roll(2) === 0;
      if (n % 2) {
        const elements = (known ?? []) as readonly number[];
        operations.push(
          writes ? { op: 'append', key: name, element: value } : { op: 'list', key: name, elements },
        );
        if (writes) state.set(name, [...elements, value]);
      } else {
        operations.push(
          writes
            ? { op: 'write', key: name, value }
            : { op: 'read', key: name, value: (known ?? null) as number | null },
        );
        if (writes) state.set(name, value);
      }
    }
    return {
      id: i,
      process: `p${i % concurrency}`,
      invoked: i * 10 - roll(concurrency * 10),
      returned: i * 10 + roll(concurrency * 10),
      outcome: 'committed',
      operations,
    };
  });
}

test('20,000 transactions, right and wrong ones', () => {
  const history = large(20_000, 10, 16);
  expect(checkHistory(history, { level: 'strict-serializable' })).toEqual([]);
  const late: Transaction = {
    id: -1,
    process: 'late',
    invoked: 1_000_000,
    returned: 1_000_001,
    outcome: 'committed',
    operations: [{ op: 'read', key: history[0]!.operations[0]!.key, value: null }],
  };
  const wrong = checkHistory([...history.slice(0, 5_000), late], { level: 'strict-serializable' });
  expect(wrong.map(({ kind }) => kind)).toEqual(['real-time']);
  expect(wrong[0]!.transactions).toHaveLength(2);
});

test('20,000 transactions on one hot register', () => {
  const history = Array.from(
    { length: 20_000 },
    (_, i): Transaction => ({
      id: i,
      process: `p${i % 16}`,
      invoked: 10 * i - ((i * 7_919) % 160),
      returned: 10 * i + ((i * 104_729) % 160),
      outcome: 'committed',
      operations: i % 2 ? [{ op: 'read', key: 'r', value: i - 1 }] : [{ op: 'write', key: 'r', value: i }],
    }),
  );
  expect(checkHistory(history, { level: 'strict-serializable' })).toEqual([]);
});

test('one hot register, and a thousand who read nothing while a thousand wrote', () => {
  const history: Transaction[] = [];
  for (let i = 0; i < 5_000; i++) {
    const times = { invoked: i, returned: i + 40, outcome: 'committed' } as const;
    history.push({
      ...times,
      id: i,
      process: `p${i % 20}`,
      operations: i % 2 ? [{ op: 'write', key: 'r', value: i }] : [{ op: 'read', key: 'r', value: null }],
    });
  }
  const found = (level: 'strict-serializable' | 'serializable'): string[] =>
    checkHistory(history, { level }).map(({ kind }) => kind);
  expect(found('serializable')).toEqual([]);
  expect(found('strict-serializable')).toEqual(['real-time']);
});
