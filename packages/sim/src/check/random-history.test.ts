/**
 * Random executions of transactions that are right by construction have no anomaly; with one thing made wrong
 * they have one, of its own kind.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AnomalyKind } from './anomaly.js';
import { type CheckOptions, checkHistory } from './check-history.js';
import type { Operation, Transaction } from './history.js';

interface Plan {
  readonly steps: readonly { readonly list: boolean; readonly key: number; readonly writes: boolean }[];
  /** How long before its effect it is invoked, how long its snapshot is taken before its effect, and so on. */
  readonly before: number;
  readonly age: number;
  readonly after: number;
  readonly outcome: Transaction['outcome'];
  readonly happens: boolean;
}

const plan: fc.Arbitrary<Plan> = fc.record({
  steps: fc.array(fc.record({ list: fc.boolean(), key: fc.nat(2), writes: fc.boolean() }), {
    minLength: 1,
    maxLength: 5,
  }),
  before: fc.nat(60),
  age: fc.nat(4),
  after: fc.nat(60),
  outcome: fc.constantFrom('committed', 'committed', 'committed', 'committed', 'aborted', 'unknown'),
  happens: fc.boolean(),
});
const plans = fc.array(plan, { minLength: 1, maxLength: 40 });

type State = ReadonlyMap<string, readonly number[] | number>;
interface Run {
  readonly history: Transaction[];
  readonly final: State;
}

/**
 * Transaction i takes effect at the time 10 i. `serial`: it reads the state as of then. `snapshot`: the state as
 * of a few transactions earlier, and it aborts if what it writes was written since.
 */
function run(chosen: readonly Plan[], how: 'serial' | 'snapshot'): Run {
  const states: State[] = [new Map()];
  const history = chosen.map((each, i): Transaction => {
    const base = states[how === 'serial' ? i : Math.max(0, i - each.age)]!;
    const newest = states[i]!;
    const own = new Map(base);
    const written = new Set<string>();
    const operations: Operation[] = [];
    for (const [n, { list, key, writes }] of each.steps.entries()) {
      const name = `${list ? 'list' : 'register'} ${key}`;
      const value = 1000 * i + n;
      if (writes) written.add(name);
      if (list) {
        const elements = (own.get(name) ?? []) as readonly number[];
        operations.push(
          writes ? { op: 'append', key: name, element: value } : { op: 'list', key: name, elements },
        );
        if (writes) own.set(name, [...elements, value]);
      } else {
        const found = (own.get(name) ?? null) as number | null;
        operations.push(writes ? { op: 'write', key: name, value } : { op: 'read', key: name, value: found });
        if (writes) own.set(name, value);
      }
    }
    const loses = [...written].some((name) => newest.get(name) !== base.get(name));
    const outcome = loses ? 'aborted' : each.outcome;
    const happens = outcome === 'committed' || (outcome === 'unknown' && each.happens);
    const next = new Map(newest);
    if (happens) for (const name of written) next.set(name, own.get(name)!);
    states.push(next);
    const ends = outcome === 'unknown' && each.happens ? null : 10 * i + each.after;
    return { id: i, process: `p${i}`, invoked: 10 * i - each.before, returned: ends, outcome, operations };
  });
  return { history, final: states.at(-1)! };
}

const kindsOf = ({ history, final }: Run, level: CheckOptions['level']): AnomalyKind[] =>
  checkHistory(history, { level, final }).map(({ kind }) => kind);

test('a serial execution has no anomaly at any level', () => {
  fc.assert(
    fc.property(plans, (chosen) => {
      const made = run(chosen, 'serial');
      for (const level of ['strict-serializable', 'serializable', 'snapshot'] as const) {
        expect(checkHistory(made.history, { level, final: made.final })).toEqual([]);
        expect(checkHistory(made.history, { level })).toEqual([]);
      }
    }),
    { numRuns: 300 },
  );
});

test('an execution under snapshot isolation has no anomaly at that level', () => {
  fc.assert(
    fc.property(plans, (chosen) => {
      const made = run(chosen, 'snapshot');
      expect(checkHistory(made.history, { level: 'snapshot', final: made.final })).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('a read-only transaction moved into the past is a stale read within its staleness', () => {
  fc.assert(
    fc.property(plans, fc.nat(), fc.nat(500), (chosen, pick, late) => {
      const made = run(chosen, 'serial');
      const readers = made.history.filter(({ operations }) =>
        operations.every(({ op }) => op === 'list' || op === 'read'),
      );
      fc.pre(readers.length > 0);
      const reader = readers[pick % readers.length]!;
      const moved = {
        ...reader,
        invoked: reader.invoked + late,
        returned: (reader.returned ?? reader.invoked) + late + 100,
        stalenessMs: late,
      };
      const history = made.history.map((each) => (each === reader ? moved : each));
      expect(checkHistory(history, { level: 'strict-serializable', final: made.final })).toEqual([]);
    }),
  );
});

/** @param variants all the histories that are wrong in this way, made from a right one. */
function planted(
  kind: AnomalyKind,
  variants: (right: Run) => Run[],
  level: CheckOptions['level'] = 'snapshot',
): void {
  fc.assert(
    fc.property(plans, fc.nat(), (chosen, pick) => {
      const wrong = variants(run(chosen, 'serial'));
      fc.pre(wrong.length > 0);
      expect(kindsOf(wrong[pick % wrong.length]!, level)).toContain(kind);
    }),
  );
}

function changed({ history, final }: Run, index: number, tx: Transaction): Run {
  return { history: history.with(index, tx), final };
}

/** Each list that a committed transaction read and did not write, with what `change` makes of it. */
function reads(right: Run, change: (elements: readonly number[]) => readonly number[] | undefined): Run[] {
  return right.history.flatMap((tx, index) =>
    tx.operations.flatMap((operation, at) => {
      if (operation.op !== 'list' || tx.outcome !== 'committed') return [];
      if (tx.operations.some((other, i) => i !== at && other.key === operation.key)) return [];
      const elements = change(operation.elements);
      if (!elements) return [];
      return [
        changed(right, index, { ...tx, operations: tx.operations.with(at, { ...operation, elements }) }),
      ];
    }),
  );
}

/** Each key of the final state whose newest value is a committed one, with what `change` makes of it. */
function finals(
  { history, final }: Run,
  change: (value: readonly number[] | number) => readonly number[] | undefined | 'gone',
): Run[] {
  return [...final].flatMap(([key, value]) => {
    const made = change(value);
    if (made === undefined || !isCommitted(history, typeof value === 'number' ? value : value.at(-1)!))
      return [];
    const changedFinal = new Map(final);
    if (made === 'gone') changedFinal.delete(key);
    else changedFinal.set(key, made);
    return [{ history, final: changedFinal }];
  });
}

/** Values are used once in a history, whatever the key. */
function isCommitted(history: readonly Transaction[], value: number): boolean {
  return history[writerOf(value)]!.outcome === 'committed';
}

function writerOf(value: number): number {
  return Math.floor(value / 1000);
}

test('planted: an element of the final state is gone', () => {
  planted('lost-write', (right) =>
    finals(right, (value) => (typeof value === 'number' ? undefined : value.slice(0, -1))),
  );
});

test('planted: a register of the final state is gone', () => {
  planted('lost-write', (right) =>
    finals(right, (value) => (typeof value === 'number' ? 'gone' : undefined)),
  );
});

test('planted: an element is in the final state twice', () => {
  planted('duplicate', (right) =>
    finals(right, (value) => (typeof value === 'number' ? undefined : [...value, value[0]!])),
  );
});

test('planted: an element is in a read twice', () => {
  planted('duplicate', (right) =>
    reads(right, (elements) => (elements.length ? [elements[0]!, ...elements] : undefined)),
  );
});

test('planted: an element that nobody wrote', () => {
  planted('garbage', (right) => reads(right, (elements) => [...elements, 999_999]));
});

test('planted: two elements of a read change places', () => {
  planted('incompatible-order', (right) =>
    reads(right, ([a, b, ...rest]) => (b === undefined ? undefined : [b, a!, ...rest])),
  );
});

test('planted: a writer that was seen was aborted', () => {
  planted('G1a', (right) => {
    const seen = new Set([...right.final.values()].flat());
    return right.history.flatMap((tx, index) =>
      tx.operations.some((each) => each.op === 'append' && seen.has(each.element))
        ? [changed(right, index, { ...tx, outcome: 'aborted' })]
        : [],
    );
  });
});

test('planted: a transaction reads its own list without its append', () => {
  planted('internal', (right) =>
    right.history.flatMap((tx, index) => {
      const at = tx.operations.findIndex(
        (each, i) =>
          each.op === 'list' &&
          tx.operations.some((other, j) => j < i && other.op === 'append' && other.key === each.key),
      );
      const operation = tx.operations[at];
      if (tx.outcome !== 'committed' || operation?.op !== 'list') return [];
      const less = { ...operation, elements: operation.elements.slice(0, -1) };
      return [changed(right, index, { ...tx, operations: tx.operations.with(at, less) })];
    }),
  );
});

test('planted: a read, after everything had returned, without the newest appends', () => {
  planted(
    'real-time',
    ({ history, final }) =>
      [...final].flatMap(([key, value]) => {
        if (typeof value === 'number' || !isCommitted(history, value.at(-1)!)) return [];
        const late: Transaction = {
          id: history.length,
          process: 'late',
          invoked: 10_000,
          returned: 10_001,
          outcome: 'committed',
          operations: [
            {
              op: 'list',
              key,
              elements: value.filter((element) => writerOf(element) !== writerOf(value.at(-1)!)),
            },
          ],
        };
        return [{ history: [...history, late], final }];
      }),
    'strict-serializable',
  );
});

test('planted: a read, after everything had returned, of a register as it was', () => {
  planted(
    'real-time',
    ({ history, final }) =>
      [...final].flatMap(([key, value]) => {
        if (typeof value !== 'number' || !isCommitted(history, value)) return [];
        const late: Transaction = {
          id: history.length,
          process: 'late',
          invoked: 10_000,
          returned: 10_001,
          outcome: 'committed',
          operations: [{ op: 'read', key, value: null }],
        };
        return [{ history: [...history, late], final }];
      }),
    'strict-serializable',
  );
});
