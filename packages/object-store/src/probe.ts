/**
 * Finds out whether a store keeps the promises that commits rest on. Some accept `If-None-Match` and ignore it.
 *
 * Invariants:
 * - A store that breaks a promise is a report, not an exception; a store that can't be reached is an exception.
 * - An unknown outcome is no evidence: it is looked into, and counts for neither side where it can't be told.
 * - What the probe wrote is deleted, whatever happened. Where that is refused, or the process ends half way, its
 *   names tell what is left, and when it was written: a later probe deletes what is older than a day.
 */
import { type Clock, type RandomBytes, systemClock } from './clock.js';
import { StoreError } from './errors.js';
import type { ObjectStore, PutOptions, PutResult } from './object-store.js';
import { printable } from './printable.js';
import { oldProbeObjects, probeFolder } from './probe-objects.js';
import type { ProbeCheck, ProbeKind, ProbeLeftover, ProbeReport } from './probe-report.js';
import { randomHex, systemRandom } from './random.js';
import { within } from './wrapping.js';

export interface ProbeOptions {
  readonly clock?: Clock | undefined;
  readonly random?: RandomBytes | undefined;
  /** How many creates race for one key. 8 unless given. */
  readonly racers?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether compare-and-swap is checked too. As the adapter claims it unless given; commits don't use it. */
  readonly swaps?: boolean | undefined;
  /** Objects are written under `<prefix>probe/<time and random>/`. Empty unless given. */
  readonly prefix?: string | undefined;
}

/** Our objects have 64 bytes at most. */
const readBytesMax = 1_024;

const cleanUpMs = 10_000;

const triesMax = 5;

/**
 * Checks creates, racing creates, compare-and-swap (where the adapter claims it), reads after writes, listing and
 * ranges. Costs about 30 requests.
 *
 * A listing that is wrong does not break commits by itself, and what does is not a matter of listings: `kind` of the
 * failed checks tells them apart, and `unsafeInWords` says it.
 * @throws StoreError when the store can't be reached, denies access, or refuses even a plain put.
 */
export async function probe(store: ObjectStore, options: ProbeOptions = {}): Promise<ProbeReport> {
  const run = new ProbeRun(store, options);
  try {
    await run.readAfterWrite();
    await run.createTwice();
    await run.racingCreates(options.racers ?? 8);
    if (options.swaps ?? store.capabilities.putIfMatch) await run.compareAndSwap();
    await run.range();
    await run.listing();
  } finally {
    // Without the caller's signal: an aborted probe cleans up as well.
    await run.cleanUp();
  }
  await run.sweep();
  const { checks, leftover } = run;
  return { safe: checks.every((check) => check.ok), checks, leftover };
}

type Answer = PutResult | 'created' | 'unknown' | StoreError | { readonly refused: string };

const OVERWRITE_TRIES = 3;

class ProbeRun {
  readonly checks: ProbeCheck[] = [];
  leftover: ProbeLeftover | undefined;
  /** All that may exist. */
  readonly keys = new Set<string>();
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #signal: AbortSignal | undefined;
  readonly #prefix: string;
  readonly #folder: string;

  constructor(store: ObjectStore, options: ProbeOptions) {
    this.#store = store;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#signal = options.signal;
    this.#prefix = options.prefix ?? '';
    this.#folder = probeFolder(this.#prefix, this.#clock.now(), randomHex(this.#random, 16));
  }

  /**
   * A copy of the first put that was lost, or doubled on the way, may arrive after the second and look like a cache:
   * that does not happen to three keys in a row, and a cache does.
   */
  async readAfterWrite(): Promise<void> {
    for (let tries = 1; ; tries++) {
      const name = `plain${tries === 1 ? '' : tries}`;
      const [first, second] = [this.#random(16), this.#random(16)];
      await this.#certainly(name, first, {});
      const written = await this.#read(name);
      // A cache on the way would still have the first.
      await this.#certainly(name, second, {});
      const overwritten = await this.#read(name);
      const asExpected = written === show(first) && overwritten === show(second);
      if (!asExpected && tries < OVERWRITE_TRIES) continue;
      this.#check('read', 'a put is read back', show(first), written);
      this.#check('read', 'an overwrite is read back', show(second), overwritten);
      return;
    }
  }

  async createTwice(): Promise<void> {
    this.#check(
      'condition',
      'the adapter claims atomic creates',
      'true',
      String(this.#store.capabilities.putIfAbsent),
    );
    const first = this.#random(16);
    const second = this.#random(16);
    const created = await this.#certainly('twice', first, { ifAbsent: true });
    this.#check('condition', 'a create of a new key', 'created', word(created));
    this.#check(
      'condition',
      'a second create of that key',
      'occupied',
      word(await this.#certainly('twice', second, { ifAbsent: true })),
    );
    this.#check('condition', 'the first bytes remain', show(first), await this.#read('twice'));
  }

  async racingCreates(racers: number): Promise<void> {
    const bytes = Array.from({ length: racers }, () => this.#random(16));
    const puts = await Promise.allSettled(bytes.map((mine) => this.#once('race', mine, { ifAbsent: true })));
    // Only now, for what is still on its way could not be cleaned up.
    const answers = puts.map((put) => {
      if (put.status === 'rejected') throw put.reason;
      return put.value;
    });
    if (answers.every((answer) => answer instanceof StoreError)) throw answers[0];
    const winners = bytes.filter((_, i) => word(answers[i]!) === 'created');
    // The winner's own answer may be lost, or be the one to a second copy of its put.
    const doubtful = bytes.filter((_, i) => answers[i] === 'unknown' || word(answers[i]!) === 'occupied');
    const possible = winners.length === 0 ? doubtful : winners;
    const one = winners.length === 1 || (winners.length === 0 && doubtful.length > 0);
    this.#add(
      'condition',
      `${racers} racing creates of one key`,
      'one is created',
      `${winners.length} created`,
      one,
    );
    const found = await this.#read('race');
    const lost = answers.every((answer) => answer === 'unknown' || answer instanceof StoreError);
    // None may have arrived: that says something of the network, not of the store.
    if (lost && found === NOTHING)
      throw new StoreError('UNAVAILABLE', `No answer told what became of ${racers} puts of one key.`);
    const isWinner = possible.some((mine) => show(mine) === found);
    this.#add(
      'condition',
      'what is read after the race',
      "the winner's bytes",
      isWinner ? "the winner's bytes" : found,
      isWinner,
    );
  }

  async compareAndSwap(): Promise<void> {
    const [first, second, third] = [this.#random(16), this.#random(16), this.#random(16)];
    const stale = (await this.#certainly('swap', first, {})) as { etag?: string };
    const etag = stale.etag ?? (await this.#etag('swap'));
    this.#check(
      'condition',
      'a swap with the right ETag',
      'created',
      word(await this.#certainly('swap', second, { ifMatch: etag })),
    );
    this.#check('condition', 'it is read back', show(second), await this.#read('swap'));
    this.#check(
      'condition',
      'a swap with a stale ETag',
      'occupied',
      word(await this.#certainly('swap', third, { ifMatch: etag })),
    );
    this.#check('condition', 'it changed nothing', show(second), await this.#read('swap'));
    this.#check(
      'condition',
      'a swap of a missing object',
      'occupied',
      word(await this.#certainly('missing', third, { ifMatch: etag })),
    );
    this.#check('condition', 'it made nothing', 'nothing', await this.#read('missing'));
  }

  async range(): Promise<void> {
    const bytes = this.#random(64);
    await this.#certainly('range', bytes, {});
    const middle = await this.#read('range', { offset: 5, length: 7 });
    this.#check('read', 'a range read', show(bytes.subarray(5, 12)), middle);
    const end = await this.#read('range', { offset: -9, length: 9 });
    this.#check('read', 'a range read from the end', show(bytes.subarray(55)), end);
  }

  async listing(): Promise<void> {
    const expected: string[] = [];
    for (const key of this.keys) if ((await this.#shown(key)) !== NOTHING) expected.push(key);
    this.#check('listing', 'a listing shows all objects', this.#names(expected.sort()), await this.#listed());
  }

  async #listed(): Promise<string> {
    const found: string[] = [];
    try {
      // With room for what should not be there, and an end for what has none.
      const options = { signal: this.#signal, limit: this.keys.size + 8 };
      for await (const { key } of this.#store.list(this.#folder, options)) found.push(key);
    } catch (error) {
      this.#signal?.throwIfAborted();
      const wrong = error instanceof StoreError && (error.code === 'INVALID' || error.code === 'TOO_LARGE');
      if (!wrong) throw error;
      return `a failure: ${error.message}`;
    }
    if (!this.#store.capabilities.orderedList) found.sort();
    return this.#names(found);
  }

  /** Ours without their folder, others as they are. */
  #names(keys: string[]): string {
    const name = (key: string) =>
      key.startsWith(this.#folder) ? key.slice(this.#folder.length) : JSON.stringify(key);
    return keys.length === 0 ? NOTHING : shorten(printable(keys.map(name).join(' ')));
  }

  /** Deletes what this probe wrote; what can't be deleted does no harm. */
  async cleanUp(): Promise<void> {
    try {
      // Not for ever: a probe that was aborted is being waited for.
      await within((signal) => this.#store.delete([...this.keys], { signal }), {
        clock: this.#clock,
        ms: cleanUpMs,
        signal: undefined,
        expired: () => new Error(`no answer within ${cleanUpMs} ms`),
        aborted: (reason) => reason,
      });
    } catch (error) {
      const reason = shorten(printable(error instanceof Error ? error.message : String(error)));
      this.leftover = { prefix: this.#folder, reason };
    }
  }

  /** Deletes what earlier probes have left. Nothing depends on it. */
  async sweep(): Promise<void> {
    // Where ours could not be deleted, theirs can't be.
    if (this.leftover) return;
    try {
      const old = await oldProbeObjects(this.#store, this.#prefix, this.#clock.now(), this.#signal);
      if (old.length > 0) await this.#store.delete(old, { signal: this.#signal });
    } catch {
      this.#signal?.throwIfAborted();
    }
  }

  /** One put, sent once. */
  async #once(name: string, bytes: Uint8Array, options: PutOptions): Promise<Answer> {
    const key = this.#folder + name;
    this.keys.add(key);
    try {
      return await this.#store.put(key, bytes, { ...options, signal: this.#signal });
    } catch (error) {
      this.#signal?.throwIfAborted();
      const conditional = options.ifAbsent === true || options.ifMatch !== undefined;
      if (!(error instanceof StoreError) || error.code === 'DENIED') throw error;
      if (error.code === 'UNKNOWN_OUTCOME') return 'unknown';
      if (error.code === 'UNAVAILABLE') return error;
      // A plain put went through before this one, so it is the condition that the store doesn't take.
      if (conditional) return { refused: error.message };
      throw error;
    }
  }

  /**
   * A put whose outcome is found out, by reading back and sending again. What it lost to may have been itself: its
   * first try, or a copy that something on the way has sent (RFC 9110 section 9.2.2 lets a proxy repeat a PUT).
   */
  async #certainly(name: string, bytes: Uint8Array, options: PutOptions): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      const answer = await this.#once(name, bytes, options);
      const unknown = answer === 'unknown';
      if (unknown || word(answer) === 'occupied') {
        if ((await this.#read(name)) === show(bytes)) return 'created';
      }
      if (!unknown && !(answer instanceof StoreError)) return answer;
      if (tries >= triesMax) {
        if (!unknown) throw answer;
        throw new StoreError(
          'UNAVAILABLE',
          `No answer told what became of ${tries} puts of ${this.#folder}${name}.`,
        );
      }
      await this.#clock.sleep(100 * tries, this.#signal);
    }
  }

  #read(name: string, range?: { offset: number; length: number }): Promise<string> {
    return this.#shown(this.#folder + name, range);
  }

  /** What is read, in words. */
  async #shown(key: string, range?: { offset: number; length: number }): Promise<string> {
    try {
      const found = await this.#store.get(key, { range, maxBytes: readBytesMax, signal: this.#signal });
      return found === undefined ? NOTHING : show(found.bytes);
    } catch (error) {
      if (error instanceof StoreError && error.code === 'TOO_LARGE') return `more than ${readBytesMax} bytes`;
      throw error;
    }
  }

  async #etag(name: string): Promise<string> {
    const options = { maxBytes: readBytesMax, signal: this.#signal };
    return (await this.#store.get(this.#folder + name, options))?.etag ?? '';
  }

  #check(kind: ProbeKind, name: string, expected: string, found: string): void {
    this.#add(kind, name, expected, found, expected === found);
  }

  #add(kind: ProbeKind, name: string, expected: string, found: string, ok: boolean): void {
    this.checks.push({ kind, name, expected, found: shorten(printable(found)), ok });
  }
}

function word(answer: Answer): string {
  if (typeof answer === 'string') return answer;
  if (answer instanceof StoreError) return answer.message;
  if ('refused' in answer) return `refused: ${answer.refused}`;
  return answer.occupied ? 'occupied' : 'created';
}

const NOTHING = 'nothing';
const textLengthMax = 500;

/** What a store says can be of any length. */
function shorten(text: string): string {
  return text.length <= textLengthMax ? text : `${text.slice(0, textLengthMax)}…`;
}

function show(bytes: Uint8Array): string {
  return `${bytes.length} bytes, ${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
