/** Mutations of one reference's bytes, each examined and judged. */
import type { Campaign, Outcome } from './campaign.js';
import { Examiner } from './examiner.js';
import { type ByteKind, type Mutation, Mutations } from './mutation.js';
import { findPlaces, type Place } from './places.js';
import { makeReference, type ReferenceName } from './reference.js';
import { judge, reasonOf, type Verdict } from './verdict.js';

/** Of the mutations that a quick read settles, one in so many is examined in full as well. */
const FULL_EVERY = 2000;

/** What a kind may end in besides being noticed. */
const ALLOWED: Readonly<Partial<Record<ByteKind, readonly Verdict[]>>> = {
  // The newest record gone is a rollback by one.
  gone: ['older'],
  rollback: ['older'],
  // All bytes are there to be read: nothing is wrong.
  'not listed': ['harmless'],
};

export class ByteCampaign implements Campaign<Mutation> {
  readonly name: ReferenceName;
  readonly mutations: Mutations;
  readonly examiner: Examiner;
  readonly #places: ReadonlyMap<string, readonly Place[]>;
  readonly #seed: number;
  readonly #fullEvery: number;

  private constructor(parts: {
    name: ReferenceName;
    mutations: Mutations;
    examiner: Examiner;
    places: ReadonlyMap<string, readonly Place[]>;
    seed: number;
    fullEvery: number;
  }) {
    this.name = parts.name;
    this.mutations = parts.mutations;
    this.examiner = parts.examiner;
    this.#places = parts.places;
    this.#seed = parts.seed;
    this.#fullEvery = parts.fullEvery;
  }

  static async make(
    name: ReferenceName,
    options: { seed?: number; fullEvery?: number } = {},
  ): Promise<ByteCampaign> {
    const { seed = 1, fullEvery = FULL_EVERY } = options;
    const reference = await makeReference(name);
    const examiner = await Examiner.make(reference);
    const places = await findPlaces(examiner);
    const foreign = reference.key === 'plaintext' ? undefined : (await makeReference('other')).image;
    const mutations = new Mutations(reference.image, foreign);
    return new ByteCampaign({ name, mutations, examiner, places, seed, fullEvery });
  }

  get count(): number {
    return this.mutations.count;
  }

  at(index: number): Mutation {
    return this.mutations.at(index);
  }

  placeOf({ kind, object, offset }: Mutation): Place {
    const places = this.#places.get(object)!;
    const at = kind === 'flip' || kind === 'rehash' || kind === 'cut' ? offset : 0;
    return places.find(({ to }) => at < to) ?? places.at(-1)!;
  }

  async run(mutation: Mutation, index: number): Promise<Outcome> {
    const { kind } = mutation;
    const changes = this.mutations.changes(mutation, this.#seed);
    const { reads } = this.placeOf(mutation);
    const { version } = this.examiner.truth;
    const isShown = kind === 'gone' || kind === 'listed only' || kind === 'not listed' || kind === 'rollback';
    let quick: Outcome | undefined;
    if (!isShown && reads.length > 0) {
      const finding = await this.examiner.quick(changes, reads[mutation.offset % reads.length]!);
      if (finding.wrong.length > 0 || finding.codes.length > 0) {
        const verdict = judge(finding, version);
        quick = { kind, verdict, codes: finding.codes, full: false };
        if (verdict === 'silent') return { ...quick, reason: reasonOf(finding) };
        if (index % this.#fullEvery !== 0) return quick;
      }
    }
    const finding = await this.examiner.full(changes);
    const verdict = judge(finding, version);
    const allowed = verdict === 'noticed' || verdict === 'verify' || ALLOWED[kind]?.includes(verdict);
    const agreed = quick === undefined || quick.verdict === verdict;
    if (allowed && agreed) return { kind, verdict, codes: finding.codes, full: true };
    const reason = agreed
      ? reasonOf(finding)
      : `a quick read noticed it, the examination in full: ${verdict}`;
    return { kind, verdict: 'silent', codes: finding.codes, full: true, reason };
  }

  /** How to repeat it. */
  command({ kind, object, offset }: Mutation): string {
    const name = kind.replaceAll(' ', '-');
    return `npm run tamper -- --target ${this.name} --only ${name} --object ${object} --offset ${offset} --seed ${this.#seed}`;
  }
}
