/**
 * Who must come before whom, and why (Adya 1999, direct serialization graphs).
 *
 * Invariants:
 * - Nodes below `transactions` are transactions. The others are hubs, which stand for many edges at once:
 *   a -kind-> hub -pass-> b is the edge a -kind-> b, so that n readers before m writers cost n + m edges.
 * - No edge leads from a transaction to itself, with or without a hub between.
 */

export const EDGE = {
  /** Both wrote the key, the second after the first. */
  ww: 1,
  /** The second read what the first wrote. */
  wr: 2,
  /** The first read a version that the second replaced. */
  rw: 4,
  /** The first had returned before the second was invoked. */
  rt: 8,
  /** As ww and rw, but the order of the versions is known by real time only. */
  timedWw: 16,
  timedRw: 32,
  /** Out of a hub. */
  pass: 64,
} as const;

/** A bit of EDGE, or several. */
export type EdgeMask = number;

export const PLAIN: EdgeMask = EDGE.ww | EDGE.wr | EDGE.rw | EDGE.pass;
export const ALL: EdgeMask = PLAIN | EDGE.rt | EDGE.timedWw | EDGE.timedRw;

/** A graph laid out for walking: the edges out of node n are those from first[n] up to first[n + 1]. */
export interface Layout {
  readonly size: number;
  readonly first: Int32Array;
  readonly target: Int32Array;
  /** Which edge of the DependencyGraph this is. */
  readonly edge: Int32Array;
}

export class DependencyGraph {
  readonly transactions: number;
  #nodes: number;
  readonly from: number[] = [];
  readonly to: number[] = [];
  readonly kind: number[] = [];
  readonly key: (string | undefined)[] = [];
  /** ww: what was replaced; wr and rw: what was read. null: nothing was there. */
  readonly before: (number | null)[] = [];
  /** ww and rw: what replaced it. */
  readonly after: (number | null)[] = [];

  constructor(transactions: number) {
    this.transactions = transactions;
    this.#nodes = transactions;
  }

  get nodes(): number {
    return this.#nodes;
  }

  hub(): number {
    return this.#nodes++;
  }

  add(
    from: number,
    to: number,
    kind: EdgeMask,
    key?: string,
    before: number | null = null,
    after: number | null = null,
  ): void {
    if (from === to) return;
    this.from.push(from);
    this.to.push(to);
    this.kind.push(kind);
    this.key.push(key);
    this.before.push(before);
    this.after.push(after);
  }

  /**
   * Every reader of a version before every writer of a later one.
   * @param writers place and written value.
   */
  addAntidependencies(
    readers: readonly number[],
    writers: readonly (readonly [index: number, value: number])[],
    kind: EdgeMask,
    key: string,
    read: number | null,
  ): void {
    if (readers.length === 0 || writers.length === 0) return;
    const direct = (reader: number): void => {
      for (const [writer, value] of writers) this.add(reader, writer, kind, key, read, value);
    };
    if (readers.length === 1 || writers.length === 1) {
      for (const reader of readers) direct(reader);
      return;
    }
    const writing = new Set(writers.map(([writer]) => writer));
    const hub = this.hub();
    for (const [writer, value] of writers) this.add(hub, writer, EDGE.pass, key, null, value);
    let left = READING_WRITERS_MAX;
    for (const reader of readers)
      if (!writing.has(reader)) this.add(reader, hub, kind, key, read);
      else if (left-- > 0) direct(reader);
  }

  layout(mask: EdgeMask): Layout {
    return layOut(this.nodes, this.from.length, (each) => {
      for (let e = 0; e < this.from.length; e++)
        if (this.kind[e]! & mask) each(this.from[e]!, this.to[e]!, e);
    });
  }

  /**
   * The walks without two antidependencies in a row: node n is 2n, and 2n + 1 where it was entered by one. Its
   * cycles are those that snapshot isolation forbids (Cerone and Gotsman, "Analysing Snapshot Isolation", J. ACM
   * 2018, theorem 10: (WR | WW) ; RW? has no cycle).
   */
  layoutForSnapshot(): Layout {
    return layOut(2 * this.nodes, 2 * this.from.length, (each) => {
      for (let e = 0; e < this.from.length; e++) {
        const kind = this.kind[e]!;
        const from = 2 * this.from[e]!;
        const to = 2 * this.to[e]!;
        if (kind === EDGE.rw) each(from, to + 1, e);
        else if (kind === EDGE.pass) {
          each(from, to, e);
          each(from + 1, to + 1, e);
        } else if (kind === EDGE.ww || kind === EDGE.wr) {
          each(from, to, e);
          each(from + 1, to, e);
        }
      }
    });
  }
}

/** More of them than one have lost an update, which is reported; their edges add nothing but their number. */
const READING_WRITERS_MAX = 16;

function layOut(
  size: number,
  edgesMax: number,
  forEach: (each: (from: number, to: number, edge: number) => void) => void,
): Layout {
  const first = new Int32Array(size + 1);
  forEach((from) => first[from + 1]!++);
  for (let n = 0; n < size; n++) first[n + 1]! += first[n]!;
  const place = first.slice(0, size);
  const target = new Int32Array(Math.min(edgesMax, first[size]!));
  const edge = new Int32Array(target.length);
  forEach((from, to, e) => {
    const at = place[from]!++;
    target[at] = to;
    edge[at] = e;
  });
  return { size, first, target, edge };
}
