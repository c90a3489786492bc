/**
 * Whether a history of range deletes and expiry is what its isolation level promises, by replaying it in the order of
 * the log on a slow and obvious twin (`KeySpace`).
 *
 * A range delete can't be told from another by who reads absence later, so no order of versions can be inferred from
 * what clients saw, as it is for lists. Instead the order that the engine itself claims (each writer's stamp) is taken
 * as a witness. One that explains every read proves the history right, whoever it came from; one that does not is wrong
 * itself, since it is the log's order that decides between blind writes.
 *
 * - A writer's reads are right at its own place: everything before it, nothing of what is after it.
 * - A reader has some place, not before the version that it read, at which all its reads are right at once.
 * - Strictly: what had returned before something was invoked is before it.
 * - Under snapshot isolation a writer's reads are right at the version that it read, and of two that set the same key
 *   the later one saw the first.
 */
import type { Anomaly } from './anomaly.js';
import type { Level } from './cycles.js';
import { KeySpace } from './key-space.js';
import type { RangeHistory, RangeOperation, RangeReader, RangeWriter } from './range-history.js';

interface Place {
  readonly problem: string | undefined;
}

export class SerialOrder {
  /** In the order of the log. */
  readonly #writers: readonly RangeWriter[];
  readonly #readers: readonly RangeReader[];
  /** What is there once the first n writers have taken effect, at n. */
  readonly #states: readonly KeySpace[];

  /** @throws RangeError for what is no history: a stamp or an id that is used twice. */
  constructor({ writers, readers }: RangeHistory) {
    this.#writers = [...writers].sort(byStamp);
    this.#readers = readers;
    const ids = new Set([...writers, ...readers].map(({ id }) => id));
    if (ids.size < writers.length + readers.length)
      throw new RangeError('SerialOrder: expected ids that are used once. The history was recorded wrongly.');
    const states = [new KeySpace()];
    for (const [i, writer] of this.#writers.entries()) {
      if (i > 0 && byStamp(this.#writers[i - 1]!, writer) === 0)
        throw new RangeError(
          `SerialOrder: expected one writer at ${at(writer)}, found T${this.#writers[i - 1]!.id} and T${writer.id}.`,
        );
      states.push(
        writer.operations.reduce((state, operation) => state.after(operation, writer.nowMs), states.at(-1)!),
      );
    }
    this.#states = states;
  }

  /** What is there after all transactions of this version. */
  stateAt(version: number): KeySpace {
    return this.#states[this.#through(version)]!;
  }

  check(level: Level): Anomaly[] {
    const anomalies: Anomaly[] = [];
    for (const [i, writer] of this.#writers.entries()) {
      const { problem } = this.#placeOfWriter(writer, i, level);
      if (problem !== undefined)
        anomalies.push({
          kind: 'not-serial',
          message: `T${writer.id} of ${writer.process} at ${at(writer)}, which read version ${writer.readVersion} at the time ${writer.nowMs}: ${problem}.`,
          transactions: [writer.id],
        });
    }
    if (level === 'snapshot') anomalies.push(...this.#lostUpdates());
    anomalies.push(...this.#sweep(level));
    return anomalies;
  }

  #placeOfWriter(writer: RangeWriter, i: number, level: Level): Place {
    const own = refutation(this.#states[i]!, writer.operations, writer.nowMs);
    // Who ran again on its own group's writes read those too.
    if (own === undefined || level !== 'snapshot') return { problem: own };
    return {
      problem: refutation(this.#states[this.#through(writer.readVersion)]!, writer.operations, writer.nowMs),
    };
  }

  /** How many writers have taken effect in versions up to this one. */
  #through(version: number): number {
    const next = this.#writers.findIndex((writer) => writer.version > version);
    return next < 0 ? this.#writers.length : next;
  }

  /** Finds a place for each reader, and looks at the clock: in the order of time. */
  #sweep(level: Level): Anomaly[] {
    const strict = level === 'strict-serializable';
    const anomalies: Anomaly[] = [];
    const events: { time: number; begins: boolean; tx: RangeWriter | RangeReader }[] = [];
    for (const tx of [...this.#writers, ...this.#readers]) {
      events.push({ time: tx.invoked, begins: true, tx });
      if (tx.returned !== null) events.push({ time: tx.returned, begins: false, tx });
    }
    // What returns in the moment of another's invocation is not before it.
    events.sort((a, b) => a.time - b.time || Number(b.begins) - Number(a.begins));
    /** How many writers had taken effect for those that had returned. */
    let least = 0;
    let because: RangeWriter | RangeReader | undefined;
    const places = new Map<number, number>(this.#writers.map(({ id }, i) => [id, i + 1]));
    for (const { begins, tx } of events) {
      if (!begins) {
        const place = places.get(tx.id) ?? 0;
        if (!strict || place <= least || ('past' in tx && tx.past)) continue;
        least = place;
        because = tx;
      } else if ('order' in tx) {
        if (places.get(tx.id)! > least) continue;
        anomalies.push({
          kind: 'real-time',
          message: `T${tx.id} of ${tx.process} at ${at(tx)} was invoked at ${tx.invoked}, when T${because!.id}, which is after it or saw it, had returned.`,
          transactions: [because!.id, tx.id],
        });
      } else {
        const place = this.#placeOfReader(tx, 'past' in tx && tx.past ? 0 : least);
        if (typeof place === 'number') places.set(tx.id, place);
        else
          anomalies.push({
            kind: 'not-serial',
            message: `T${tx.id} of ${tx.process}, which read version ${tx.readVersion}${tx.exact ? '' : ' or later'} at a time from ${tx.nowMs.join(' to ')}${because ? `, after T${because.id}` : ''}: ${place.problem}.`,
            transactions: [tx.id],
          });
      }
    }
    return anomalies;
  }

  /** The first place at which all that it read is right. */
  #placeOfReader(reader: RangeReader, least: number): number | Place {
    const read = this.#through(reader.readVersion);
    if (reader.exact && read < least)
      return { problem: `its version lacks ${least - read} transactions that had returned` };
    const first = Math.max(read, least);
    const last = reader.exact ? first : this.#writers.length;
    let problem: string | undefined;
    for (let place = first; place <= last; place++) {
      const state = this.#states[place]!;
      const [earliest, latest] = reader.nowMs;
      const moments = [earliest, latest, ...state.expiries().filter((ms) => ms > earliest && ms < latest)];
      for (const nowMs of moments) {
        const found = refutation(state, reader.operations, nowMs);
        if (found === undefined) return place;
        problem ??= found;
      }
    }
    return { problem };
  }

  /** Two set one key, and the later one did not see the first. */
  #lostUpdates(): Anomaly[] {
    const anomalies: Anomaly[] = [];
    const last = new Map<number, RangeWriter>();
    for (const writer of this.#writers)
      for (const key of new Set(writer.operations.flatMap((each) => (each.op === 'set' ? [each.key] : [])))) {
        const before = last.get(key);
        last.set(key, writer);
        // In one version the later one may have run again on the first one's writes.
        if (!before || before.version <= writer.readVersion || before.version === writer.version) continue;
        anomalies.push({
          kind: 'lost-update',
          message: `T${before.id} set key ${key} at ${at(before)}; T${writer.id}, which read version ${writer.readVersion}, set it too, at ${at(writer)}.`,
          transactions: [before.id, writer.id],
        });
      }
    return anomalies;
  }
}

/** The first read that can't have been made on this state. */
function refutation(
  before: KeySpace,
  operations: readonly RangeOperation[],
  nowMs: number,
): string | undefined {
  let state = before;
  for (const operation of operations) {
    const problem = state.refutes(operation, nowMs);
    if (problem !== undefined) return problem;
    state = state.after(operation, nowMs);
  }
  return undefined;
}

function byStamp(a: RangeWriter, b: RangeWriter): number {
  return a.version - b.version || a.order - b.order;
}

function at({ version, order }: RangeWriter): string {
  return `${version}/${order}`;
}
