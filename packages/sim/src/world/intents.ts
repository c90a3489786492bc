/**
 * What becomes of announced intents besides what becomes of any object: a store deletes them, shows them again when they
 * were decided long ago, or says nothing of them for a while. Nothing may rest on them, so all of it costs time only.
 */
import { INTENT_PREFIX, parseIntentName } from '@holdfast/core';
import type { MemoryStore } from '@holdfast/object-store';
import type { WorldFault } from './incidents.js';
import type { Random } from './random.js';

const HIDDEN_MS_MAX = 8_000;
/** So many of the newest may be undecided. */
const NEWEST = 4;

export type IntentFault = Extract<WorldFault, `intent-${string}`>;

export class Intents {
  /** Until when each is hidden, virtual milliseconds. */
  readonly hiddenUntilMs: Map<string, number> = new Map();
  readonly #server: MemoryStore;
  /** Every one that was there at a look, in the order of the looks. */
  readonly #seen: Set<string> = new Set();
  /** What was deleted, to be put back. */
  readonly #gone: Map<string, Uint8Array> = new Map();

  constructor(server: MemoryStore) {
    this.#server = server;
  }

  /** How many there are, those that were deleted included. */
  async count(): Promise<number> {
    await this.#look();
    return this.#seen.size;
  }

  /** Whether there is anything for it to happen to. */
  async has(kind: IntentFault): Promise<boolean> {
    return kind === 'intent-back' ? this.#gone.size > 0 : (await this.#look()).length > 0;
  }

  /** @returns what happened, in words, and how long it lasts; undefined: there was nothing for it to happen to. */
  async befall(
    kind: IntentFault,
    random: Random,
    nowMs: number,
  ): Promise<{ readonly what: string; readonly untilMs: number } | undefined> {
    if (kind === 'intent-back') {
      const name = pick([...this.#gone.keys()], random);
      if (name === undefined) return undefined;
      const { occupied } = await this.#server.put(name, this.#gone.get(name)!, { ifAbsent: true });
      return { what: `${name} is put back${occupied ? ', and is there' : ''}`, untilMs: nowMs };
    }
    const name = pick(await this.#look(), random);
    if (name === undefined) return undefined;
    if (kind === 'intent-gone') {
      const found = await this.#server.get(name);
      if (found) this.#gone.set(name, found.bytes);
      await this.#server.delete([name]);
      return { what: `${name} is deleted`, untilMs: nowMs };
    }
    const untilMs = nowMs + random.fraction() ** 2 * HIDDEN_MS_MAX;
    this.hiddenUntilMs.set(name, untilMs);
    return { what: `${name} is hidden until ${untilMs.toFixed(3)}`, untilMs };
  }

  /** Those that are there, the newest last. */
  async #look(): Promise<string[]> {
    const there = new Set<string>();
    for await (const { key } of this.#server.list(INTENT_PREFIX)) {
      // What lies beside them is somebody else's.
      if (!parseIntentName(key)) continue;
      there.add(key);
      this.#seen.add(key);
    }
    return [...this.#seen].filter((name) => there.has(name));
  }
}

function pick(names: readonly string[], random: Random): string | undefined {
  if (names.length === 0) return undefined;
  return random.pick(random.chance(0.7) ? names.slice(-NEWEST) : names);
}
