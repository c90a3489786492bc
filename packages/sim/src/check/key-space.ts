/**
 * What a few numbered keys hold, one value each, and what operations make of that: the readable twin of an engine with
 * range deletes and expiry. Immutable, so that every state of a history can be kept.
 *
 * Invariant: expiry is a matter of who looks. What has expired stays until somebody writes over it or deletes it.
 */
import type { Found, KeySpan, RangeOperation } from './range-history.js';

interface Held {
  readonly value: number;
  readonly expiresMs: number | null;
}

export class KeySpace {
  readonly #held: ReadonlyMap<number, Held>;

  constructor(held: ReadonlyMap<number, Held> = new Map()) {
    this.#held = held;
  }

  /** What one sees who looks at `nowMs`, in key order. */
  seen(nowMs: number, { from, to }: KeySpan): Found[] {
    return [...this.#held]
      .filter(([key, { expiresMs }]) => key >= from && key < to && (expiresMs === null || expiresMs > nowMs))
      .map(([key, { value, expiresMs }]): Found => [key, value, expiresMs])
      .sort(([a], [b]) => a - b);
  }

  /** All that was written and not deleted, whoever looks. */
  values(): Map<number, number> {
    return new Map([...this.#held].map(([key, { value }]) => [key, value]));
  }

  /** The moments at which something in it expires. */
  expiries(): number[] {
    return [...this.#held.values()].flatMap(({ expiresMs }) => (expiresMs === null ? [] : [expiresMs]));
  }

  /** After a write of one whose time is `nowMs`; a read changes nothing. */
  after(operation: RangeOperation, nowMs: number): KeySpace {
    switch (operation.op) {
      case 'set':
        return this.#with(operation.key, { value: operation.value, expiresMs: operation.expiresMs });
      case 'delete':
        return this.#without(operation.key, operation.key + 1);
      case 'deleteRange':
        return this.#without(operation.from, operation.to);
      case 'add':
      case 'max': {
        const { key, n } = operation;
        // What has expired is no base; what is alive keeps its expiry.
        const [base] = this.seen(nowMs, { from: key, to: key + 1 });
        if (base === undefined) return this.#with(key, { value: n, expiresMs: null });
        const [, value, expiresMs] = base;
        return this.#with(key, {
          value: operation.op === 'add' ? value + n : Math.max(value, n),
          expiresMs,
        });
      }
      default:
        return this;
    }
  }

  /** Why this can't be what a read saw at `nowMs`; undefined: it can. */
  refutes(operation: RangeOperation, nowMs: number): string | undefined {
    switch (operation.op) {
      case 'get': {
        const { key, found } = operation;
        const [there] = this.seen(nowMs, { from: key, to: key + 1 });
        return differs(`key ${key}`, there ? [there] : [], found ? [found] : []);
      }
      case 'has': {
        const { key, there } = operation;
        const [held] = this.seen(nowMs, { from: key, to: key + 1 });
        return (held !== undefined) === there
          ? undefined
          : `key ${key} was told to be ${there ? 'there' : 'absent'}, and is ${held ? show([held]) : 'absent'}`;
      }
      case 'scan': {
        const { from, to, reverse, limit, found } = operation;
        const all = this.seen(nowMs, operation);
        if (reverse) all.reverse();
        return differs(`keys ${from} to ${to - 1}`, limit > 0 ? all.slice(0, limit) : all, found);
      }
      case 'count': {
        const { from, to, count } = operation;
        const there = this.seen(nowMs, operation);
        return there.length === count
          ? undefined
          : `keys ${from} to ${to - 1} were counted as ${count}, and are ${show(there)}`;
      }
      default:
        return undefined;
    }
  }

  #with(key: number, held: Held): KeySpace {
    return new KeySpace(new Map(this.#held).set(key, held));
  }

  #without(from: number, to: number): KeySpace {
    return new KeySpace(new Map([...this.#held].filter(([key]) => key < from || key >= to)));
  }
}

function differs(what: string, there: readonly Found[], found: readonly Found[]): string | undefined {
  return JSON.stringify(there) === JSON.stringify(found)
    ? undefined
    : `${what} were read as ${show(found)}, and are ${show(there)}`;
}

function show(found: readonly Found[]): string {
  if (found.length === 0) return 'absent';
  return found
    .map(([key, value, expiresMs]) => `${key}=${value}${expiresMs === null ? '' : ` (expires ${expiresMs})`}`)
    .join(', ');
}
