/**
 * Which quick reads depend on which bytes. Found out by trial, not by knowledge of the engine: a read belongs to a
 * place if it returns the truth as things are, and refuses when a byte in the middle of that place is changed.
 */
import type { Examiner, Handles, QuickRead } from './examiner.js';
import { hexOf, lineOf, logOf, othersOf, stateOf, streamOf, type Truth } from './truth.js';
import { openWorld } from './world.js';

export interface Place {
  readonly object: string;
  readonly from: number;
  readonly to: number;
  readonly reads: readonly QuickRead[];
}

/** So many different reads take turns at one place. */
const READS_EACH = 4;

/** The places of every object, in order. */
export async function findPlaces(examiner: Examiner): Promise<Map<string, readonly Place[]>> {
  const reads = candidates(examiner.truth);
  const touched = await touchedBy(examiner, reads);
  const found = new Map<string, readonly Place[]>();
  for (const [object, cuts] of await cutsOf(examiner)) {
    const places: Place[] = [];
    for (const [i, to] of cuts.slice(1).entries()) {
      const from = cuts[i]!;
      const middle = Math.floor((from + to) / 2);
      const changed = new Map([[object, { at: middle, mask: 0x55 }]]);
      const fit: QuickRead[] = [];
      for (const read of byTurns(
        touched.get(object)?.filter((t) => t.from <= middle && middle < t.to) ?? [],
      )) {
        if (fit.length === READS_EACH) break;
        if (fit.length > 1 && isWide(read)) continue;
        const { codes, wrong } = await examiner.quick(changed, read);
        if (codes.length > 0 && wrong.length === 0) fit.push(read);
      }
      places.push({ object, from, to, reads: fit });
    }
    found.set(object, places);
  }
  return found;
}

/** Reads everything: only where little else is to be had. */
const isWide = ({ name }: QuickRead): boolean => name === OTHERS || name === OLD_STATE;
const OTHERS = 'others';
const OLD_STATE = 'old state';

/** Where the parts of each object begin, and its end. */
async function cutsOf(examiner: Examiner): Promise<Map<string, number[]>> {
  const { image } = examiner.truth.reference;
  const world = await openWorld(image);
  const segments = new Map([...world.segments.values()].map((segment) => [segment.name, segment]));
  return new Map(
    [...image].map(([name, { length }]) => [name, [...(segments.get(name)?.chunkAt ?? [0]), length]]),
  );
}

interface Touch {
  readonly read: QuickRead;
  readonly from: number;
  readonly to: number;
}

async function touchedBy(examiner: Examiner, reads: readonly QuickRead[]): Promise<Map<string, Touch[]>> {
  const touched = new Map<string, Touch[]>();
  for (const read of reads) {
    examiner.store.onGet = (object, from, to) => {
      const touches = touched.get(object) ?? [];
      if (!touches.some((touch) => touch.read === read && touch.from === from))
        touches.push({ read, from, to });
      touched.set(object, touches);
    };
    const { codes, wrong } = await examiner.quick(new Map(), read);
    if (codes.length + wrong.length > 0)
      throw new Error(`${read.name} does not read the honest image: ${[...codes, ...wrong].join('; ')}`);
  }
  examiner.store.onGet = undefined;
  return touched;
}

/** Reads of each kind in turn, so that a place is read in several ways. */
function* byTurns(touches: readonly Touch[]): Generator<QuickRead> {
  const kinds = new Map<string, QuickRead[]>();
  for (const { read } of touches) {
    const kind = read.name.split(' ')[0]!;
    const reads = kinds.get(kind) ?? [];
    if (!reads.includes(read)) reads.push(read);
    kinds.set(kind, reads);
  }
  for (let i = 0; [...kinds.values()].some((reads) => i < reads.length); i++)
    for (const reads of kinds.values()) if (i < reads.length) yield reads[i]!;
}

function candidates(truth: Truth): QuickRead[] {
  const reads: QuickRead[] = [];
  const add = (name: string, run: (handles: Handles) => Promise<boolean>): void => {
    reads.push({ name, run: async (handles) => ((await run(handles)) ? undefined : `${name} is wrong`) });
  };
  for (const key of truth.keys) {
    const hex = hexOf(key);
    const line = truth.lines.get(hex);
    const short = hex.slice(0, 40);
    add(`get ${short}`, async ({ kept }) => {
      const entry = await kept.getEntry(key);
      return (entry && lineOf(entry)) === line;
    });
    if (line === undefined) continue;
    const range = { gte: key, lte: key };
    const one = async (list: AsyncIterable<Parameters<typeof lineOf>[0]>): Promise<boolean> => {
      for await (const entry of list) return lineOf(entry) === line;
      return false;
    };
    add(`list ${short}`, ({ kept }) => one(kept.list({ ...range, limit: 1 })));
    add(`reverse ${short}`, ({ kept }) => one(kept.list({ ...range, reverse: true, limit: 1 })));
    add(`count ${short}`, async ({ kept }) => (await kept.count(range)) === 1);
    const stream = truth.streams.get(truth.version)!.find((each) => each.startsWith(`${hex} `));
    if (stream === undefined) continue;
    add(`stream ${short}`, async ({ kept }) => (await streamOf(kept, key)) === stream);
    add(
      `then ${short}`,
      async ({ kept }) => (await streamOf(await kept.snapshot({ at: truth.version }), key)) === stream,
    );
  }
  for (const id of truth.reference.requests) {
    const expected = truth.others.get(truth.version)!;
    add(`outcome ${JSON.stringify(id)}`, async ({ kept }) =>
      expected.includes(JSON.stringify(await kept.outcome(id))),
    );
  }
  for (let version = 1; version < truth.version; version++) {
    add(`snapshot ${version}`, async ({ kept }) => {
      const snapshot = await kept.snapshot({ at: version });
      return snapshot.version === version;
    });
    add(`log ${version}`, async ({ kept }) => (await logOf(kept, version)) === truth.log.get(version));
  }
  const newest = truth.version;
  add('open', async ({ open }) => (await open()).version === newest);
  add('follow', async ({ behind }) => !(await behind.has(['absent'])) && behind.version === newest);
  add(
    OTHERS,
    async ({ kept }) => (await othersOf(kept, truth.reference.requests)) === truth.others.get(newest),
  );
  add(OLD_STATE, async ({ kept }) => {
    const state = await stateOf(await kept.snapshot({ at: newest - 1 }));
    return state.join() === truth.states.get(newest - 1)!.join();
  });
  return reads;
}
