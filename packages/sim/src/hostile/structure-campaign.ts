/**
 * A key holder's bugs: decoded structures changed and sealed again with the right keys and hashes. What is read must
 * be what the changed objects say, by a second reading of FORMAT.md; where they contradict it or each other, some
 * read or `verify` must say so, in words.
 */
import { decodeKey, type Key } from '@holdfast/core';
import { type Database, openDatabase } from '@holdfast/mvcc';
import { Random } from '../world/random.js';
import type { Num } from './bytes.js';
import type { Campaign, Outcome } from './campaign.js';
import { IdleClock } from './clock.js';
import { makeEveryField } from './every-field.js';
import { ImageStore } from './image-store.js';
import type { Body, Clear, Listed } from './layout.js';
import { miniature, summarize } from './miniature.js';
import { Model, type Said } from './model.js';
import { edited, mutate } from './mutator.js';
import {
  type Rebuilt,
  rebuild,
  type SaidSegment,
  type SegmentTree,
  type Spec,
  segmentsAsTheyAre,
} from './rebuild.js';
import { makeReference, REQUESTS, ROOT_KEY } from './reference.js';
import { changesOf, hexOf, lineOf, othersOf, stateOf, streamsOf } from './truth.js';
import { type Finding, judge, Notes, reasonOf } from './verdict.js';
import { hex, type OpenedSegment, openWorld, recordVersion, type World } from './world.js';

/** A structure that one mutation makes the process grow by more than this takes memory by a number that lies. */
const GROWTH_BYTES_MAX = 512 * 1024 * 1024;
/** Keys that are got one by one. */
const GETS_MAX = 12;

export interface StructureMutation {
  readonly object: string;
  readonly offset: number;
}

/** A database whose structures are changed. */
export interface Subject {
  readonly world: World;
  /** What its segments say as they are. */
  readonly segments: ReadonlyMap<string, SaidSegment>;
  /** Some of everywhere. */
  readonly keys: readonly Key[];
}

function subjectOf(made: Omit<Subject, 'keys'>): Subject {
  const keys = [...new Set([...made.world.segments.values()].flatMap(userKeys))];
  const step = Math.ceil(keys.length / GETS_MAX);
  const some = keys.filter((_, i) => i % step === 0).map((key) => decodeKey(Buffer.from(key, 'hex')));
  return { ...made, keys: [['absent'], ...some] };
}

export class StructureCampaign implements Campaign<StructureMutation> {
  readonly name = 'structure';
  readonly count: number;
  /** One that the engine wrote, and one with every field. */
  readonly subjects: readonly [Subject, Subject];
  readonly #seed: number;
  readonly #clock = new IdleClock();

  private constructor(subjects: readonly [Subject, Subject], count: number, seed: number) {
    this.subjects = subjects;
    this.count = count;
    this.#seed = seed;
  }

  static async make(options: { seed?: number; count?: number } = {}): Promise<StructureCampaign> {
    const { seed = 1, count = 50_000 } = options;
    const { image } = await makeReference('small');
    const every = await openWorld((await makeEveryField()).image);
    const subjects = [
      subjectOf(await miniature(await openWorld(image))),
      subjectOf({ world: every, segments: await segmentsAsTheyAre(every) }),
    ] as const;
    const campaign = new StructureCampaign(subjects, count, seed);
    for (const subject of subjects) await campaign.#expectSound(subject);
    return campaign;
  }

  /** Else every mutation would be noticed. */
  async #expectSound(subject: Subject): Promise<void> {
    const { world } = subject;
    const { version } = world.records.at(-1)!;
    const rebuilt = await rebuild(world, { bodies: new Map([[version, () => {}]]) });
    const { verdict, codes, reason } = await this.examine(subject, rebuilt);
    if (verdict !== 'harmless')
      throw new Error(`A database is not sound before it is changed: ${reason ?? codes.join(', ')}`);
  }

  at(index: number): StructureMutation {
    return { object: 'any', offset: index };
  }

  command({ offset }: StructureMutation): string {
    return `npm run tamper -- --target structure --offset ${offset} --seed ${this.#seed}`;
  }

  async run({ offset }: StructureMutation): Promise<Outcome> {
    const random = new Random(this.#seed, `structure ${offset}`);
    const subject = this.subjects[offset % 2]!;
    const { kind, spec } = this.#specOf(subject, random);
    const rebuilt = await rebuild(subject.world, spec);
    return { kind, ...(await this.examine(subject, rebuilt)) };
  }

  #specOf(subject: Subject, random: Random): { kind: string; spec: Spec } {
    const { records, pages, segments } = subject.world;
    const lies = new Map<object, Num>();
    const change = (tree: object): void => mutate(tree as Record<string, unknown>, random, lies);
    // Either the structure is changed, or the bytes of one of its parts.
    const inText = random.chance(0.2);
    const kind = random.pick(['record', 'record', 'record', 'segment', 'segment', 'page']);
    const textOf = (parts: readonly string[]): Pick<Spec, 'edit'> => {
      const part = random.pick(parts);
      return inText ? { edit: (name, bytes) => (name === part ? edited(bytes, random) : bytes) } : {};
    };
    if (kind === 'record') {
      // The newest one and those that it names, and the others.
      const newest = records.at(-1)!;
      const version = random.pick([
        newest.version,
        newest.version,
        ...newest.body.holders.map((holder) => Number(holder.version)),
        // What follows it has to be made anew: the last ones more often.
        random.chance(0.3) ? 1 + random.below(records.length) : newest.version - random.below(10),
      ]);
      const part = random.pick(['body', 'body', 'clear']);
      const spec: Spec = {
        lies,
        ...(part === 'body'
          ? { bodies: new Map([[version, (body: Body) => (inText ? undefined : change(body))]]) }
          : { clears: new Map([[version, (clear: Clear) => (inText ? undefined : change(clear))]]) }),
        ...textOf([part]),
      };
      return { kind: `structure: record ${part}`, spec };
    }
    if (kind === 'page') {
      const id = random.pick([...pages.keys()]);
      const changePage = (listed: Listed[]): void => (inText ? undefined : change(listed));
      return {
        kind: 'structure: page',
        spec: { lies, pages: new Map([[id, changePage]]), ...textOf(['listed', 'details']) },
      };
    }
    const [id, { meta, chunks }] = random.pick([...segments]);
    const tree = structuredClone({ meta, chunks }) as SegmentTree;
    const part = random.pick(['blocks', 'blocks', 'meta']);
    if (!inText) {
      if (part === 'meta') change(tree.meta);
      else change({ chunks: tree.chunks });
      // As a builder would that was given what it should not have been given.
      if (part === 'blocks' && random.chance(0.6)) summarize(tree);
    }
    const texts = ['table', 'footer', 'meta', ...chunks.map((_, i) => `chunk ${i}`)];
    const spec = { segments: new Map([[id, tree]]), lies, agree: random.chance(0.7), ...textOf(texts) };
    return { kind: `structure: segment ${inText ? 'bytes' : part}`, spec };
  }

  /** Reads everything, and compares it with what the second reading says. */
  async examine(subject: Subject, rebuilt: Rebuilt): Promise<Omit<Outcome, 'kind'>> {
    const model = new Model(rebuilt, subject.segments);
    let contradiction: string | undefined;
    try {
      model.check([...versionsOf(rebuilt), model.newest], watchedOf(rebuilt));
    } catch (error) {
      contradiction = (error as Error).message;
    }
    const before = process.resourceUsage().maxRSS * 1024;
    const finding = await this.#read(subject, rebuilt, contradiction === undefined ? model : undefined);
    const grown = process.resourceUsage().maxRSS * 1024 - before;
    if (grown > GROWTH_BYTES_MAX) finding.wrong.push(`the process grew by ${grown} bytes`);
    const newest = subject.world.records.length;
    const verdict = judge(finding, newest, ['SNAPSHOT_EXPIRED']);
    const { codes } = finding;
    if (verdict === 'harmless' && contradiction !== undefined)
      return { verdict: 'silent', codes, full: true, reason: `nothing noticed ${contradiction}` };
    if (verdict === 'silent') return { verdict, codes, full: true, reason: reasonOf(finding) };
    return { verdict, codes, full: true };
  }

  async #read(
    { world, keys }: Subject,
    rebuilt: Rebuilt,
    model: Model | undefined,
  ): Promise<Finding & { wrong: string[] }> {
    const clock = this.#clock;
    const store = new ImageStore(world.image, rebuilt.changes);
    const notes = new Notes();
    const attempt = async <T>(
      what: string,
      work: () => Promise<T>,
      check: (found: T) => boolean = () => true,
    ): Promise<T | undefined> => {
      const settled = await clock.settle(work);
      if ('hung' in settled) notes.wrong.push(`${what} hung: ${settled.hung}`);
      else if ('error' in settled) notes.failed(what, settled.error);
      else {
        if (model && !check(settled.value)) notes.wrong.push(`${what} is not what the objects say`);
        return settled.value;
      }
      return undefined;
    };
    const open = (): Promise<Database> => openDatabase(store, { key: ROOT_KEY, clock, readOnly: true });
    const db = await attempt('open', open);
    if (!db) return { ...notes, version: undefined, verifyOk: undefined };
    const said = model?.state(model.newest, clock.now()) ?? new Map();
    await attempt(
      'the list',
      () => stateOf(db),
      (found) => fits(found, said),
    );
    await attempt(
      'the reverse list',
      () => stateOf(db, true),
      (found) => fits(found, said),
    );
    await attempt(
      'the count',
      () => db.count(),
      (found) => countFits(found, said),
    );
    for (const key of keys)
      await attempt(
        `get ${hexOf(key).slice(0, 40)}`,
        () => db.getEntry(key, { maxStalenessMs: 1000 }),
        (entry) => (said.get(hexOf(key)) ?? [undefined]).includes(entry && lineOf(entry)),
      );
    const streamsFit = (found: readonly string[], expected: readonly string[] | undefined): boolean =>
      expected === undefined || found.join() === expected.join();
    await attempt(
      'the streams',
      () => streamsOf(db),
      (found) => streamsFit(found, model!.streams(model!.newest, clock.now())),
    );
    await attempt('checkpoints and outcomes', () => othersOf(db, REQUESTS));
    const floor = model?.floor() ?? 1;
    for (const version of versionsOf(rebuilt)) {
      if (version < floor) continue;
      await attempt(
        `version ${version}`,
        async () => stateOf(await db.snapshot({ at: version })),
        (found) => fits(found, model!.state(version)),
      );
      await attempt(
        `streams of ${version}`,
        async () => streamsOf(await db.snapshot({ at: version })),
        (found) => streamsFit(found, model!.streams(version)),
      );
    }
    const watched = watchedOf(rebuilt);
    if (watched > floor)
      await attempt(
        `watch ${watched}`,
        () => changesOf(db, clock, watched),
        (found) => {
          const said = model!.changes(watched);
          return said === undefined || found.join() === said.join();
        },
      );
    // Most was noticed by now: it then need not be asked each time.
    if (notes.codes.length > 0 && rebuilt.records.at(-1)!.hash[0]! % 8 !== 0)
      return { ...notes, version: db.version, verifyOk: undefined };
    const report = await attempt('verify', () => db.verify({ deep: true }));
    return { ...notes, version: db.version, verifyOk: report?.ok ?? false };
  }
}

/** Encoded tuples, in hex. */
function userKeys({ chunks }: OpenedSegment): string[] {
  const held = chunks.flatMap((chunk) => (chunk instanceof Uint8Array ? [] : chunk));
  return held.filter(({ key }) => key[0] === 1).map(({ key }) => hex(key.subarray(1)));
}

/** Whether a listing is one of those that may be. */
function fits(lines: readonly string[], said: Said): boolean {
  const found = new Map(lines.map((line) => [line.slice(0, line.indexOf(' ')), line]));
  const keys = [...found.keys()];
  return (
    keys.length === lines.length &&
    keys.every((key, i) => (i === 0 || keys[i - 1]! < key) && said.has(key)) &&
    [...said].every(([key, may]) => may.includes(found.get(key)))
  );
}

function countFits(count: number, said: Said): boolean {
  const may = [...said.values()];
  const sure = may.filter((lines) => !lines.includes(undefined)).length;
  return count >= sure && count <= may.filter((lines) => lines.some((line) => line !== undefined)).length;
}

/** The oldest version whose record is another. */
function watchedOf({ changes }: Rebuilt): number {
  return Math.min(...[...changes.keys()].filter((name) => name.startsWith('log/')).map(recordVersion));
}

/** Older versions that are read: that one, and the last but one. */
function versionsOf(rebuilt: Rebuilt): Set<number> {
  return new Set([watchedOf(rebuilt), rebuilt.records.length - 1]);
}
