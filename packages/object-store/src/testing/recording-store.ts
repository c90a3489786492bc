import type { CallOptions } from '../object-store.js';
import { CallStore } from './call-store.js';
import type { Call } from './calls.js';
import { settled } from './manual-clock.js';

export interface RecordedCall extends Call {
  /** Place among all beginnings and ends. */
  readonly startedAt: number;
  /** Likewise; of a listing, that of its first answer. Undefined: still running. */
  readonly endedAt: number | undefined;
  readonly failed: boolean;
}

/**
 * A store that remembers the calls made, so that a test can count round trips.
 *
 * Every call takes at least one turn of the event loop, so calls that do not wait for each other overlap even over
 * a store in memory.
 */
export class RecordingStore extends CallStore {
  #calls: { -readonly [P in keyof RecordedCall]: RecordedCall[P] }[] = [];
  #places = 0;

  /** In the order they began. */
  get calls(): readonly RecordedCall[] {
    return this.#calls;
  }

  /** Forgets all calls. */
  reset(): void {
    this.#calls = [];
  }

  /**
   * The length of the longest chain of calls each of which began after the one before had ended: the round trips
   * that are paid one after the other. Running calls don't count.
   */
  sequentialDepth(): number {
    // Interval scheduling: of those that may come next, the one that ends first leaves the most room.
    const ended = this.#calls.filter((call) => call.endedAt !== undefined);
    ended.sort((a, b) => a.endedAt! - b.endedAt!);
    let depth = 0;
    let end = -1;
    for (const call of ended) {
      if (call.startedAt < end) continue;
      depth++;
      end = call.endedAt!;
    }
    return depth;
  }

  protected async around<T>(call: Call, _options: CallOptions, run: () => Promise<T>): Promise<T> {
    const recorded = {
      ...call,
      startedAt: this.#places++,
      endedAt: undefined as number | undefined,
      failed: false,
    };
    this.#calls.push(recorded);
    try {
      const result = await run();
      await settled();
      return result;
    } catch (error) {
      recorded.failed = true;
      throw error;
    } finally {
      recorded.endedAt = this.#places++;
    }
  }
}
