/**
 * Sessions: requests that are numbered by their caller, in one entry for all of them. As in RIFL (Lee et al.,
 * SOSP 2015) and Raft (Ongaro's dissertation, section 6.3) the caller says up to which number it has heard the
 * outcomes, and those are forgotten.
 *
 * Invariants:
 * - A number above `settled` is open exactly if it is not kept; at or below, it never takes effect again.
 * - `settled` never goes back, and never far ahead of what the session has used.
 * - Every committed number keeps the stamp of its own transaction. The one whose transaction wrote the entry
 *   could not know it, so there it is the entry's; whoever writes the entry next writes it down.
 */
import { corrupt, decodeValue, encodeValue, HoldfastError } from '@holdfast/core';
import type { StoredAndBytes } from '../state/space.js';
import type { TailEntry } from '../state/tail.js';
import type { Stamp } from '../state/versionstamp.js';
import type { Known, RequestEntry, SessionRequest } from './requests.js';

/**
 * How far a number may be ahead of the last settled one, and of the highest that the session has used: a slip (a
 * clock for a number) must not settle, unheard, all that is to come before it.
 */
const AHEAD_MAX = 1024;
/** Digests and results that one entry keeps: every request writes them again. */
const KEPT_BYTES_MAX = 1024 * 1024;

/** A number above `settled` that has ended. */
interface Ended {
  readonly number: number;
  /** Undefined: closed. */
  readonly committed?: Committed;
}

interface Committed {
  readonly digest: Uint8Array;
  /** Encoded; undefined where the body had none. */
  readonly result: Uint8Array | undefined;
  /** Undefined: of the transaction that writes the entry. */
  readonly stamp: Stamp | undefined;
}

interface Session {
  readonly settled: number;
  /** By number, ascending. */
  readonly ended: readonly Ended[];
}

export class SessionEntry implements RequestEntry {
  readonly name: string;
  readonly at: StoredAndBytes;
  readonly #session: string;
  readonly #number: number;
  readonly #settled: number;

  constructor({ session, number, settled = number - 1 }: SessionRequest, at: StoredAndBytes) {
    if (!Number.isSafeInteger(number) || number < 1)
      throw new RangeError(`requestId.number: expected a whole number from 1, found ${String(number)}.`);
    if (!Number.isSafeInteger(settled) || settled < 0 || settled >= number)
      throw new RangeError(
        `requestId.settled: expected a whole number from 0, below the request's own ${number}, found ${String(settled)}.`,
      );
    this.name = `Request ${number} of session ${JSON.stringify(session)}`;
    this.at = at;
    this.#session = session;
    this.#number = number;
    this.#settled = settled;
  }

  read(found: TailEntry | undefined): Known {
    const { settled, ended } = this.#decode(found);
    const known = ended.find(({ number }) => number === this.#number);
    if (!known) return { status: this.#number <= settled ? 'settled' : 'open' };
    if (!known.committed) return { status: 'closed' };
    const { digest, result, stamp } = known.committed;
    return { status: 'committed', digest, result: result && decodeValue(result), stamp: stamp ?? found! };
  }

  committed(found: TailEntry | undefined, digest: Uint8Array, result: unknown): Uint8Array {
    const encoded = result === undefined ? undefined : encodeValue(result);
    return this.#with(found, { digest, result: encoded, stamp: undefined });
  }

  closed(found: TailEntry | undefined): Uint8Array {
    return this.#with(found, undefined);
  }

  #with(found: TailEntry | undefined, committed: Committed | undefined): Uint8Array {
    const session = this.#decode(found);
    const settled = Math.max(session.settled, this.#settled);
    const others = session.ended.filter(({ number }) => number > settled);
    const used = session.ended.at(-1)?.number ?? session.settled;
    if (this.#number - used > AHEAD_MAX)
      throw new HoldfastError(
        'LIMIT_EXCEEDED',
        `${this.name}: expected a number at most ${AHEAD_MAX} above the highest that the session has used, ${used}. Nothing was changed. Count from 1, one after the other; gaps may be smaller than that.`,
      );
    if (this.#number - settled > AHEAD_MAX)
      throw this.#beyond(`expected at most ${AHEAD_MAX} numbers above the last settled one, ${settled}`);
    // Closing one, and the lowest of them, is always possible: else a full session could not be emptied.
    const bytes = others.reduce((sum, other) => sum + weigh(other.committed), weigh(committed));
    if (committed && this.#number > settled + 1 && bytes > KEPT_BYTES_MAX)
      throw this.#beyond(
        `expected digests and results of at most ${KEPT_BYTES_MAX} bytes for all numbers above the last settled one, ${settled}, found ${bytes}`,
      );
    const ended = [...others, { number: this.#number, committed }].sort((a, b) => a.number - b.number);
    const requests = ended.map(({ number, committed: one }) => {
      if (!one) return [number];
      const head = [number, one.digest, one.result ?? null];
      // Read from `found`, it has that entry's stamp if it had none of its own.
      const stamp = one === committed ? undefined : (one.stamp ?? found);
      return stamp ? [...head, stamp.version, stamp.order] : head;
    });
    return encodeValue({ settled, requests });
  }

  #beyond(why: string): HoldfastError {
    return new HoldfastError(
      'LIMIT_EXCEEDED',
      `${this.name}: ${why}. Nothing was changed. Pass \`settled\`: the number up to which the outcome of every request is known to its caller.`,
    );
  }

  #decode(found: TailEntry | undefined): Session {
    if (found?.value === undefined) return { settled: 0, ended: [] };
    const object = `The entry of session ${JSON.stringify(this.#session)}`;
    const { settled, requests } = (decodeValue(found.value, object) ?? {}) as Record<string, unknown>;
    if (!isCount(settled) || !Array.isArray(requests))
      throw corrupt(object, 'expected { settled, requests }, found something else');
    return { settled, ended: requests.map((request: unknown) => toEnded(request, object)) };
  }
}

function toEnded(request: unknown, object: string): Ended {
  if (Array.isArray(request)) {
    const [number, digest, result, version, order] = request as unknown[];
    if (isCount(number) && request.length === 1) return { number };
    const stamp = isCount(version) && isCount(order) ? { version, order } : undefined;
    const isWhole = isCount(number) && digest instanceof Uint8Array && request.length === (stamp ? 5 : 3);
    if (isWhole && (result === null || result instanceof Uint8Array))
      return { number, committed: { digest, result: result ?? undefined, stamp } };
  }
  throw corrupt(object, 'expected [number, digest, result, version, order], found something else');
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function weigh(committed: Committed | undefined): number {
  return committed ? committed.digest.length + (committed.result?.length ?? 0) : 0;
}
