/**
 * The checker against its readable twin: all orders of a few transactions, tried one after the other. What the
 * checker calls an anomaly has no order that explains it; and of lists, whose final state is known, what has no
 * order is an anomaly. (Of registers it may miss some: the order of blind writes is not known.)
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkHistory } from './check-history.js';
import type { Operation, Transaction } from './history.js';

type Value = readonly number[] | number;
type State = ReadonlyMap<string, Value>;
type Level = 'strict-serializable' | 'serializable' | 'snapshot';

interface Plan {
  readonly steps: readonly { readonly key: number; readonly writes: boolean; readonly back: number }[];
  readonly begin: number;
  readonly length: number;
  readonly unknown: boolean;
}

const plan: fc.Arbitrary<Plan> = fc.record({
  steps: fc.array(
    fc.record({ key: fc.nat(1), writes: fc.boolean(), back: fc.constantFrom(0, 0, 0, 1, 1, 2) }),
    { minLength: 1, maxLength: 3 },
  ),
  begin: fc.nat(25),
  length: fc.nat(25),
  unknown: fc.constantFrom(false, false, false, true),
});

/** Transactions one after the other, each read of which may be some versions too old. */
function make(
  plans: readonly Plan[],
  isList: (key: number) => boolean,
): { history: Transaction[]; final: State } {
  const versions = new Map<string, (Value | undefined)[]>();
  const history = plans.map((each, i): Transaction => {
    const own = new Map<string, Value | undefined>();
    const operations = each.steps.map(({ key, writes, back }, n): Operation => {
      const list = isList(key);
      const name = `${list ? 'list' : 'register'} ${key}`;
      const known = versions.get(name) ?? [undefined];
      if (!own.has(name)) own.set(name, known[Math.max(0, known.length - 1 - back)]);
      const before = own.get(name);
      const value = 10 * i + n;
      if (list) {
        const elements = (before ?? []) as readonly number[];
        if (!writes) return { op: 'list', key: name, elements };
        own.set(name, [...elements, value]);
        return { op: 'append', key: name, element: value };
      }
      if (!writes) return { op: 'read', key: name, value: (before ?? null) as number | null };
      own.set(name, value);
      return { op: 'write', key: name, value };
    });
    for (const operation of operations)
      if (operation.op === 'append' || operation.op === 'write') {
        const { key } = operation;
        const known = versions.get(key) ?? [undefined];
        // On the newest version, whatever was read: an update may be lost to sight, not to the list.
        const newest = known.at(-1);
        const next =
          operation.op === 'write'
            ? operation.value
            : [...((newest ?? []) as readonly number[]), operation.element];
        versions.set(key, [...known, next]);
      }
    return {
      id: i,
      process: `p${i}`,
      invoked: each.begin,
      returned: each.begin + each.length,
      outcome: each.unknown ? 'unknown' : 'committed',
      operations,
    };
  });
  const final = new Map<string, Value>();
  for (const [key, known] of versions) final.set(key, known.at(-1)!);
  return { history, final };
}

/** What the transaction leaves behind if it starts on `state`; undefined: it did not see this state. */
function replay(tx: Transaction, state: State): State | undefined {
  const own = new Map(state);
  for (const operation of tx.operations) {
    const { key } = operation;
    const now = own.get(key);
    if (operation.op === 'append') own.set(key, [...((now ?? []) as readonly number[]), operation.element]);
    else if (operation.op === 'write') own.set(key, operation.value);
    else if (operation.op === 'read') {
      if ((now ?? null) !== operation.value) return undefined;
    } else if (String(now ?? []) !== String(operation.elements)) return undefined;
  }
  return own;
}

const same = (a: State, b: State): boolean =>
  a.size === b.size && [...a].every(([key, value]) => String(b.get(key)) === String(value));

const endOf = (tx: Transaction): number => (tx.outcome === 'unknown' ? Infinity : tx.returned!);

function isSerializable(history: readonly Transaction[], final: State, strict: boolean): boolean {
  const from = (state: State, left: readonly Transaction[]): boolean => {
    if (left.every(({ outcome }) => outcome === 'unknown') && same(state, final)) return true;
    return left.some((tx) => {
      if (strict && left.some((other) => endOf(other) < tx.invoked)) return false;
      const next = replay(tx, state);
      return (
        next !== undefined &&
        from(
          next,
          left.filter((other) => other !== tx),
        )
      );
    });
  };
  return from(new Map(), history);
}

/** Every interleaving of starts and commits, where the first to commit a key wins. */
function isSnapshotIsolated(history: readonly Transaction[], final: State): boolean {
  interface Open {
    readonly tx: Transaction;
    readonly writes: ReadonlyMap<string, Value>;
  }
  const keysOf = (tx: Transaction): string[] =>
    tx.operations.filter(({ op }) => op === 'append' || op === 'write').map(({ key }) => key);
  const from = (state: State, unstarted: readonly Transaction[], open: readonly Open[]): boolean => {
    if (open.length === 0 && unstarted.every(({ outcome }) => outcome === 'unknown') && same(state, final))
      return true;
    for (const tx of unstarted) {
      const after = replay(tx, state);
      if (!after) continue;
      const keys = keysOf(tx);
      if (open.some(({ writes }) => keys.some((key) => writes.has(key)))) continue;
      const writes = new Map(keys.map((key) => [key, after.get(key)!]));
      if (
        from(
          state,
          unstarted.filter((other) => other !== tx),
          [...open, { tx, writes }],
        )
      )
        return true;
    }
    return open.some((ending) =>
      from(
        new Map([...state, ...ending.writes]),
        unstarted,
        open.filter((other) => other !== ending),
      ),
    );
  };
  return from(new Map(), history, []);
}

function explains(level: Level, history: readonly Transaction[], final: State): boolean {
  return level === 'snapshot'
    ? isSnapshotIsolated(history, final)
    : isSerializable(history, final, level === 'strict-serializable');
}

const few = fc.array(plan, { minLength: 1, maxLength: 4 });
const runs = { numRuns: 1_000 };

for (const level of ['strict-serializable', 'serializable', 'snapshot'] as const) {
  test(`lists, ${level}: an anomaly is found where no order explains the history, and nowhere else`, () => {
    let right = 0;
    let wrong = 0;
    fc.assert(
      fc.property(few, (plans) => {
        const { history, final } = make(plans, () => true);
        const explained = explains(level, history, final);
        if (explained) right++;
        else wrong++;
        const found = checkHistory(history, { level, final }).map(({ message }) => message);
        if (explained) expect(found).toEqual([]);
        else expect(found).not.toEqual([]);
      }),
      runs,
    );
    expect(Math.min(right, wrong)).toBeGreaterThan(runs.numRuns / 20);
  });

  test(`lists and registers, ${level}: what an order explains has no anomaly`, () => {
    fc.assert(
      fc.property(few, (plans) => {
        const { history, final } = make(plans, (key) => key === 1);
        fc.pre(explains(level, history, final));
        expect(checkHistory(history, { level, final })).toEqual([]);
        expect(checkHistory(history, { level })).toEqual([]);
      }),
      runs,
    );
  });
}
