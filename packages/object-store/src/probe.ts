/**
 * Finds out whether a store keeps the promises that commits rest on. Some accept `If-None-Match` and ignore it.
 *
 * Invariants:
 * - A store that breaks a promise is a report, not an exception; a store that can't be reached is an exception.
 * - An unknown outcome is no evidence: it is looked into, and counts for neither side where it can't be told.
 * - What the probe wrote is deleted, whatever happened.
 */
import { type Clock, type RandomBytes, systemClock } from './clock.js';
import { StoreError } from './errors.js';
import type { ObjectStore, PutOptions, PutResult } from './object-store.js';
import { randomHex, systemRandom } from './random.js';

export interface ProbeOptions {
  readonly clock?: Clock | undefined;
  readonly random?: RandomBytes | undefined;
  /** How many creates race for one key. 8 unless given. */
  readonly racers?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether compare-and-swap is checked too. As the adapter claims it unless given; commits don't use it. */
  readonly swaps?: boolean | undefined;
  /** Objects are written under `<prefix>probe/<random>/`. Empty unless given. */
  readonly prefix?: string | undefined;
}

export interface ProbeCheck {
  readonly name: string;
  readonly expected: string;
  readonly found: string;
  readonly ok: boolean;
}

export interface ProbeReport {
  /** All checks are well. */
  readonly safe: boolean;
  readonly checks: readonly ProbeCheck[];
}

const triesMax = 5;

/**
 * Checks creates, racing creates, compare-and-swap (where the adapter claims it), reads after writes, listing and
 * ranges. Costs about 30 requests.
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
    // Without the caller's signal: an aborted probe cleans up as well. What can't be deleted does no harm.
    await store.delete([...run.keys]).catch(() => undefined);
  }
  return { safe: run.checks.every((check) => check.ok), checks: run.checks };
}

type Answer = PutResult | 'created' | 'unknown' | StoreError | { readonly refused: string };

const OVERWRITE_TRIES = 3;

class ProbeRun {
  readonly checks: ProbeCheck[] = [];
  /** All that may exist. */
  readonly keys = new Set<string>();
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #signal: AbortSignal | undefined;
  readonly #folder: string;

  constructor(store: ObjectStore, options: ProbeOptions) {
    this.#store = store;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#signal = options.signal;
    this.#folder = `${options.prefix ?? ''}probe/${randomHex(this.#random, 16)}/`;
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
      const written = show(await this.#read(name));
      // A cache on the way would still have the first.
      await this.#certainly(name, second, {});
      const overwritten = show(await this.#read(name));
      const asExpected = written === show(first) && overwritten === show(second);
      if (!asExpected && tries < OVERWRITE_TRIES) continue;
      this.#check('a put is read back', show(first), written);
      this.#check('an overwrite is read back', show(second), overwritten);
      return;
    }
  }

  async createTwice(): Promise<void> {
    this.#check('the adapter claims atomic creates', 'true', String(this.#store.capabilities.putIfAbsent));
    const first = this.#random(16);
    const second = this.#random(16);
    const created = await this.#certainly('twice', first, { ifAbsent: true });
    this.#check('a create of a new key', 'created', word(created));
    this.#check(
      'a second create of that key',
      'occupied',
      word(await this.#certainly('twice', second, { ifAbsent: true })),
    );
    this.#check('the first bytes remain', show(first), show(await this.#read('twice')));
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
    this.#add(`${racers} racing creates of one key`, 'one is created', `${winners.length} created`, one);
    const found = await this.#read('race');
    const lost = answers.every((answer) => answer === 'unknown' || answer instanceof StoreError);
    // None may have arrived: that says something of the network, not of the store.
    if (lost && found === undefined)
      throw new StoreError('UNAVAILABLE', `No answer told what became of ${racers} puts of one key.`);
    const kept = show(found);
    const isWinner = possible.some((mine) => show(mine) === kept);
    this.#add(
      'what is read after the race',
      "the winner's bytes",
      isWinner ? "the winner's bytes" : kept,
      isWinner,
    );
  }

  async compareAndSwap(): Promise<void> {
    const [first, second, third] = [this.#random(16), this.#random(16), this.#random(16)];
    const stale = (await this.#certainly('swap', first, {})) as { etag?: string };
    const etag = stale.etag ?? (await this.#etag('swap'));
    this.#check(
      'a swap with the right ETag',
      'created',
      word(await this.#certainly('swap', second, { ifMatch: etag })),
    );
    this.#check('it is read back', show(second), show(await this.#read('swap')));
    this.#check(
      'a swap with a stale ETag',
      'occupied',
      word(await this.#certainly('swap', third, { ifMatch: etag })),
    );
    this.#check('it changed nothing', show(second), show(await this.#read('swap')));
    this.#check(
      'a swap of a missing object',
      'occupied',
      word(await this.#certainly('missing', third, { ifMatch: etag })),
    );
    this.#check('it made nothing', 'nothing', show(await this.#read('missing')));
  }

  async range(): Promise<void> {
    const bytes = this.#random(64);
    await this.#certainly('range', bytes, {});
    const middle = await this.#read('range', { offset: 5, length: 7 });
    this.#check('a range read', show(bytes.subarray(5, 12)), show(middle));
    const end = await this.#read('range', { offset: -9, length: 9 });
    this.#check('a range read from the end', show(bytes.subarray(55)), show(end));
  }

  async listing(): Promise<void> {
    const expected: string[] = [];
    for (const key of this.keys) {
      if (await this.#store.get(key, { signal: this.#signal })) expected.push(key);
    }
    const found: string[] = [];
    for await (const { key } of this.#store.list(this.#folder, { signal: this.#signal })) found.push(key);
    const names = (keys: string[]) => keys.map((key) => key.slice(this.#folder.length)).join(' ');
    expected.sort();
    if (!this.#store.capabilities.orderedList) found.sort();
    this.#check('a listing shows all objects', names(expected), names(found));
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
        if (show(await this.#read(name)) === show(bytes)) return 'created';
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

  async #read(name: string, range?: { offset: number; length: number }): Promise<Uint8Array | undefined> {
    return (await this.#store.get(this.#folder + name, { range, signal: this.#signal }))?.bytes;
  }

  async #etag(name: string): Promise<string> {
    return (await this.#store.get(this.#folder + name, { signal: this.#signal }))?.etag ?? '';
  }

  #check(name: string, expected: string, found: string): void {
    this.#add(name, expected, found, expected === found);
  }

  #add(name: string, expected: string, found: string, ok: boolean): void {
    this.checks.push({ name, expected, found, ok });
  }
}

function word(answer: Answer): string {
  if (typeof answer === 'string') return answer;
  if (answer instanceof StoreError) return answer.message;
  if ('refused' in answer) return `refused: ${answer.refused}`;
  return answer.occupied ? 'occupied' : 'created';
}

function show(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return 'nothing';
  return `${bytes.length} bytes, ${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
