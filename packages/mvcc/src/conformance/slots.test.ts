/** The suite for slots: over stores, which pass it, and over slots that are wrong on purpose, each of which it finds. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cutRange,
  type ListedObject,
  MemoryStore,
  type ObjectStore,
  StoreError,
} from '@holdfast/object-store';
import { ConformanceError } from '@holdfast/object-store/conformance';
import { FileStore } from '@holdfast/object-store/file';
import { FaultyStore, GatedStore, RecordingStore } from '@holdfast/object-store/testing';
import { describe, expect, test } from 'vitest';
import { runSlotsConformance, slotsConformance } from '../conformance.js';
import type { Slots } from '../context/slots.js';
import { StoreSlots } from '../log/store-slots.js';

describe('a store with conditional creates holds slots', () => {
  const open = (wrap: (memory: MemoryStore) => ObjectStore) => async () => {
    const memory = new MemoryStore();
    return {
      slots: new StoreSlots(wrap(memory)),
      peer: new StoreSlots(wrap(memory)),
      plant: async (name: string) => void (await memory.put(`log/${name}`, new Uint8Array(1))),
      cleanup: async () => {},
    };
  };
  const stores = {
    MemoryStore: open((memory) => memory),
    'MemoryStore without order': open(withoutOrder),
    RecordingStore: open((memory) => new RecordingStore(memory)),
    FaultyStore: open((memory) => new FaultyStore(memory)),
    GatedStore: open((memory) => new GatedStore(memory, { open: true })),
    FileStore: async () => {
      const directory = await mkdtemp(join(tmpdir(), 'holdfast-slots-'));
      const store = new FileStore(directory);
      return {
        slots: new StoreSlots(store),
        peer: new StoreSlots(new FileStore(directory)),
        plant: async (name: string) => void (await store.put(`log/${name}`, new Uint8Array(1))),
        cleanup: () => rm(directory, { recursive: true }),
      };
    },
  };
  for (const [name, openSlots] of Object.entries(stores))
    for (const one of slotsConformance(openSlots)) test(`${name}: ${one.name}`, one.run);

  test('and one that loses answers fails no race: nobody knows is an answer too', async () => {
    const lossy = open((memory) => new FaultyStore(memory).loseResponseAfter('put', { times: 3 }));
    const cases = slotsConformance(lossy).filter(({ name }) => /^of racing|^the same bytes/.test(name));
    expect(cases).toHaveLength(2);
    for (const { run } of cases) await run();
  });

  test('and a run without a test runner says so', async () => {
    const report = await runSlotsConformance(
      open((memory) => memory),
      { racers: 4, rounds: 2, length: 4 },
    );
    expect(report.cases.filter(({ ok }) => !ok)).toEqual([]);
    expect(report.ok).toBe(true);
  });
});

/** The readable twin: slots in a map, each call in one step. */
class MapSlots implements Slots {
  protected readonly map: Map<number, Uint8Array>;

  constructor(map: Map<number, Uint8Array>) {
    this.map = map;
  }

  async claim(...[n, bytes, options]: Parameters<Slots['claim']>): ReturnType<Slots['claim']> {
    options?.signal?.throwIfAborted();
    if (this.map.has(n)) return 'occupied';
    this.map.set(n, bytes.slice());
    return 'created';
  }

  async read(...[n, options = {}]: Parameters<Slots['read']>): ReturnType<Slots['read']> {
    options.signal?.throwIfAborted();
    const bytes = this.map.get(n);
    if (bytes === undefined) return undefined;
    const { start, end } = cutRange(bytes.length, options.range, options.maxBytes);
    return bytes.slice(start, end);
  }

  async newest(...[options]: Parameters<Slots['newest']>): ReturnType<Slots['newest']> {
    options?.signal?.throwIfAborted();
    return this.map.size === 0 ? undefined : Math.max(...this.map.keys());
  }
}

test('slots in a map pass', async () => {
  expect((await reportOn(MapSlots)).cases.filter(({ ok }) => !ok)).toEqual([]);
});

const ONE_WINNER = 'of racing claims of one slot one wins, and everyone reads its bytes';
const OCCUPIED = 'a claim of a slot that has an owner is occupied and changes nothing';
const NEWEST = 'the newest slot is the highest, as soon as its claim is answered';
const ABORTED = 'a call whose signal is aborted already rejects with the reason and does nothing';

/** What is wrong, the case that must find it, and the slots. */
const wrongs: readonly [what: string, caughtBy: string, slots: typeof MapSlots][] = [
  [
    'whose claim overwrites',
    OCCUPIED,
    class extends MapSlots {
      override async claim(n: number, bytes: Uint8Array) {
        const answer = this.map.has(n) ? 'occupied' : 'created';
        this.map.set(n, bytes.slice());
        return answer;
      }
    },
  ],
  [
    'whose claim says created to everyone',
    OCCUPIED,
    class extends MapSlots {
      override async claim(n: number, bytes: Uint8Array) {
        await super.claim(n, bytes);
        return 'created' as const;
      }
    },
  ],
  [
    'whose claim looks first and writes later',
    ONE_WINNER,
    class extends MapSlots {
      override async claim(n: number, bytes: Uint8Array) {
        if (this.map.has(n)) return 'occupied';
        await undefined;
        this.map.set(n, bytes.slice());
        return 'created';
      }
    },
  ],
  [
    'where losing is an exception',
    ONE_WINNER,
    class extends MapSlots {
      override async claim(n: number, bytes: Uint8Array) {
        if ((await super.claim(n, bytes)) === 'occupied') throw new StoreError('INVALID', 'lost');
        return 'created' as const;
      }
    },
  ],
  [
    'where nobody knows is said to be sure',
    ONE_WINNER,
    class extends MapSlots {
      override async claim(n: number, bytes: Uint8Array) {
        if ((await super.claim(n, bytes)) === 'created') throw new StoreError('UNAVAILABLE', 'lost');
        return 'occupied' as const;
      }
    },
  ],
  [
    'that answer occupied before the owner can be read',
    ONE_WINNER,
    class extends MapSlots {
      readonly #arriving = new Set<number>();
      override async claim(n: number, bytes: Uint8Array) {
        if (this.map.has(n) || this.#arriving.has(n)) return 'occupied';
        this.#arriving.add(n);
        await new Promise((resolve) => setTimeout(resolve, 1));
        return super.claim(n, bytes);
      }
    },
  ],
  [
    'that forget what is claimed twice',
    'the same bytes claimed again stay what they are',
    class extends MapSlots {
      override async claim(n: number, bytes: Uint8Array) {
        const answer = await super.claim(n, bytes);
        if (answer === 'occupied') this.map.set(n, new Uint8Array(0));
        return answer;
      }
    },
  ],
  [
    'whose read is stale: what was missing stays so',
    'an empty slot is undefined',
    class extends MapSlots {
      readonly #missing = new Set<number>();
      override async read(...[n, options]: Parameters<Slots['read']>) {
        if (this.#missing.has(n)) return undefined;
        const found = await super.read(n, options);
        if (found === undefined) this.#missing.add(n);
        return found;
      }
    },
  ],
  [
    'that show a claim to its own process only, for a while',
    'a claim of an empty slot creates it',
    class extends MapSlots {
      readonly #own = new Set<number>();
      override async claim(n: number, bytes: Uint8Array) {
        this.#own.add(n);
        return super.claim(n, bytes);
      }
      override async read(...[n, options]: Parameters<Slots['read']>) {
        return this.#own.has(n) ? super.read(n, options) : undefined;
      }
    },
  ],
  [
    'that keep text, not bytes',
    'bytes come back as they were',
    class extends MapSlots {
      override claim(n: number, bytes: Uint8Array) {
        return super.claim(n, new TextEncoder().encode(new TextDecoder().decode(bytes)));
      }
    },
  ],
  [
    'that cut zeros off the end',
    'bytes come back as they were',
    class extends MapSlots {
      override claim(n: number, bytes: Uint8Array) {
        return super.claim(n, bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1));
      }
    },
  ],
  [
    'that take whatever there is',
    'a read takes no more than it is told',
    class extends MapSlots {
      override read(...[n, options]: Parameters<Slots['read']>) {
        return super.read(n, { ...options, maxBytes: undefined });
      }
    },
  ],
  [
    'that cut what is too long',
    'a read takes no more than it is told',
    class extends MapSlots {
      override async read(...[n, options]: Parameters<Slots['read']>) {
        const found = await super.read(n, { ...options, maxBytes: undefined });
        return found?.subarray(0, options?.maxBytes);
      }
    },
  ],
  [
    'that know no ranges',
    'a part of a slot is read',
    class extends MapSlots {
      override read(...[n, options]: Parameters<Slots['read']>) {
        return super.read(n, { ...options, range: undefined });
      }
    },
  ],
  [
    "that keep the caller's array",
    'the caller may reuse its arrays',
    class extends MapSlots {
      override async claim(n: number, bytes: Uint8Array) {
        if (this.map.has(n)) return 'occupied';
        this.map.set(n, bytes);
        return 'created';
      }
    },
  ],
  [
    'that give their own array away',
    'the caller may reuse its arrays',
    class extends MapSlots {
      override async read(n: number) {
        return this.map.get(n);
      }
    },
  ],
  [
    'whose newest lags by one',
    NEWEST,
    class extends MapSlots {
      override async newest() {
        const [, second] = [...this.map.keys()].sort((a, b) => b - a);
        return second;
      }
    },
  ],
  [
    'whose newest is what this process has claimed',
    NEWEST,
    class extends MapSlots {
      #newest: number | undefined;
      override async claim(n: number, bytes: Uint8Array) {
        this.#newest = n;
        return super.claim(n, bytes);
      }
      override async newest() {
        return this.#newest;
      }
    },
  ],
  [
    'whose newest is the one that was claimed last',
    'a late claim of an older slot does not make it the newest',
    class extends MapSlots {
      override async claim(n: number, bytes: Uint8Array) {
        const owner = this.map.get(n) ?? bytes.slice();
        const answer = await super.claim(n, bytes);
        this.map.delete(n);
        this.map.set(n, owner);
        return answer;
      }
      override async newest() {
        return [...this.map.keys()].at(-1);
      }
    },
  ],
  [
    'whose newest is sorted as text',
    NEWEST,
    class extends MapSlots {
      override async newest() {
        const last = [...this.map.keys()].map(String).sort().at(-1);
        return last === undefined ? undefined : Number(last);
      }
    },
  ],
  [
    'whose newest is a number where there is none',
    'the newest slot of an empty log is undefined',
    class extends MapSlots {
      override async newest() {
        return Math.max(0, ...this.map.keys());
      }
    },
  ],
  [
    'whose newest is old for a while',
    'the newest slot never falls behind, or goes back, while others claim',
    class extends MapSlots {
      #before: number | undefined;
      override async newest() {
        const newest = this.#before;
        this.#before = await super.newest();
        return newest;
      }
    },
  ],
  [
    'whose claim ignores a signal',
    ABORTED,
    class extends MapSlots {
      override claim(n: number, bytes: Uint8Array) {
        return super.claim(n, bytes);
      }
    },
  ],
  [
    'whose read ignores a signal',
    ABORTED,
    class extends MapSlots {
      override read(...[n, options]: Parameters<Slots['read']>) {
        return super.read(n, { ...options, signal: undefined });
      }
    },
  ],
  [
    'whose newest ignores a signal',
    ABORTED,
    class extends MapSlots {
      override newest() {
        return super.newest();
      }
    },
  ],
  [
    'that say that nothing was sent, and send it',
    'a claim aborted on its way is whole or absent, and says so',
    class extends MapSlots {
      override async claim(...[n, bytes, options]: Parameters<Slots['claim']>) {
        options?.signal?.throwIfAborted();
        const answer = await super.claim(n, bytes);
        await new Promise((resolve) => setTimeout(resolve, options?.signal ? 3 : 0));
        options?.signal?.throwIfAborted();
        return answer;
      }
    },
  ],
];

describe('the suite finds slots', () => {
  for (const [what, caughtBy, Wrong] of wrongs)
    test(what, async () => {
      const { cases } = await reportOn(Wrong);
      const found = cases.find(({ name }) => name === caughtBy);
      expect(found?.ok).toBe(false);
      expect(found?.error).toBeInstanceOf(ConformanceError);
    });

  test('where foreign names count as slots', async () => {
    const { cases } = await runSlotsConformance(async () => {
      const map = new Map<number, Uint8Array>();
      const plant = async (name: string) => void map.set(1_000_000 + name.length, new Uint8Array(1));
      return { slots: new MapSlots(map), peer: new MapSlots(map), plant, cleanup: async () => {} };
    });
    expect(cases.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual([
      'foreign names hide no slot and are none',
    ]);
  });
});

function reportOn(Made: typeof MapSlots) {
  return runSlotsConformance(async () => {
    const map = new Map<number, Uint8Array>();
    return { slots: new Made(map), peer: new Made(map), cleanup: async () => {} };
  });
}

function withoutOrder(memory: MemoryStore): ObjectStore {
  return {
    capabilities: { ...memory.capabilities, orderedList: false },
    get: (key, options) => memory.get(key, options),
    put: (key, bytes, options) => memory.put(key, bytes, options),
    delete: (keys, options) => memory.delete(keys, options),
    async *list(prefix, options) {
      const all: ListedObject[] = [];
      for await (const object of memory.list(prefix, options)) all.push(object);
      // Neither order: the middle first.
      yield* [...all.slice(all.length / 2), ...all.slice(0, all.length / 2)];
    },
  };
}
