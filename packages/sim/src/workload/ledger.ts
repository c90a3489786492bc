/** What clients did and heard: the raw material of every check. */
import type { Operation, Transaction } from '../check/history.js';
import type { RangeReader } from '../check/range-history.js';
import type { AreaDiff, FieldChange, Look } from './looks.js';
import type { Program, Result } from './program.js';
import type { Area } from './ranges.js';
import { idOf, lengthOf } from './streams.js';
import type { Wait } from './waits.js';

export type RequestName = string | { readonly session: string; readonly number: number };

/** One transaction, as its client saw it. */
export interface Deed {
  readonly program: Program;
  readonly client: string;
  readonly request: RequestName | undefined;
  readonly invoked: number;
  returned: number | null;
  outcome: 'committed' | 'aborted' | 'unknown';
  result: Result | undefined;
  /** How often it was sent. */
  sends: number;
  /** Every result that was acknowledged, by a call or by `outcome()`. */
  readonly acknowledged: Result[];
}

/** What a request's outcome is to the one who made it: a call of its own says nothing of what its client makes of it. */
export function resultOf({ program }: Deed, result: unknown): Result {
  return program.own ? program.own.result : (result as Result);
}

/** Balances by account, as one read saw them; undefined: the account has never been written. */
export type Balances = readonly (number | undefined)[];

export class Ledger {
  readonly deeds: Deed[] = [];
  /** Reads that are no transactions of the engine's own. */
  readonly reads: Transaction[] = [];
  readonly balances: { readonly who: string; readonly balances: Balances }[] = [];
  /** Reads of an area that are no transactions. */
  readonly looks: (RangeReader & { readonly area: Area })[] = [];
  /** What watchers of the area `field` were told, in order. */
  readonly fieldWatches: { readonly who: string; readonly changes: readonly FieldChange[] }[] = [];
  readonly diffs: (AreaDiff & { readonly who: string })[] = [];
  /** Of streams that are replaced: all that may be there. */
  readonly streams: Set<number> = new Set();
  streamsRead = 0;
  /** Changes that watchers were told of. */
  watched = 0;
  /** Of writers, where there are many. */
  readonly waits: Wait[] = [];
  /** What no client may ever hear. */
  readonly violations: string[] = [];
  /** Errors that clients heard, by code. */
  readonly errors: Map<string, number> = new Map();
  #ids = 0;

  nextId(): number {
    return ++this.#ids;
  }

  begin(program: Program, client: string, request: RequestName | undefined, invoked: number): Deed {
    const deed: Deed = {
      program,
      client,
      request,
      invoked,
      returned: null,
      outcome: 'unknown',
      result: undefined,
      sends: 0,
      acknowledged: [],
    };
    this.deeds.push(deed);
    return deed;
  }

  looked(area: Area, process: string, invoked: number, returned: number, look: Look): void {
    this.looks.push({ ...look, area, id: this.nextId(), process, invoked, returned });
  }

  /** @param own what its key says that it is; else it is any of those that may be there. */
  readStream(who: string, bytes: Uint8Array, own?: number): void {
    this.streamsRead++;
    const id = idOf(bytes);
    const isRight =
      own === undefined
        ? [...this.streams].some((each) => each === id || (bytes.length === 0 && lengthOf(each) === 0))
        : id === own || (bytes.length === 0 && lengthOf(own) === 0);
    if (isRight) return;
    const what = typeof id === 'number' ? `stream ${id}` : id;
    const expected = own === undefined ? 'one that was written there' : `stream ${own}`;
    this.violations.push(`${who} read ${what}, expected ${expected}.`);
  }

  heard(code: string): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }

  /** The history of lists and registers. */
  history(): Transaction[] {
    const written = this.deeds
      .filter(({ program }) => program.role === 'lists' || program.role === 'registers')
      .map((deed): Transaction => {
        const operations: readonly Operation[] = deed.result?.operations ?? deed.program.certain;
        const { invoked, returned, outcome } = deed;
        return { id: deed.program.id, process: deed.client, invoked, returned, outcome, operations };
      });
    return [...written, ...this.reads];
  }
}
