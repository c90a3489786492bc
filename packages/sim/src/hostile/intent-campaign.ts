/**
 * What a store does to intents that are out. To a process that makes records, one that is not as it was sealed is as if it
 * were not there: never carried, never in the way of others, nor of what the process commits itself.
 */
import type { Campaign, Outcome } from './campaign.js';
import type { Changes } from './image-store.js';
import { type Carried, carry, checkMade, makeRig, type Rig } from './intent-rig.js';
import { type Mutation, Mutations } from './mutation.js';
import { makeReference } from './reference.js';
import { judge, reasonOf } from './verdict.js';
import { hex } from './world.js';

/** Of so many mutations, what came of one is also read in full, by the second reader. */
const FULL_EVERY = 20;

export class IntentCampaign implements Campaign<Mutation> {
  readonly name = 'intents';
  readonly rig: Rig;
  readonly mutations: Mutations;
  readonly #seed: number;

  private constructor(rig: Rig, mutations: Mutations, seed: number) {
    this.rig = rig;
    this.mutations = mutations;
    this.#seed = seed;
  }

  static async make({ seed = 1 }: { readonly seed?: number } = {}): Promise<IntentCampaign> {
    const rig = await makeRig();
    const elsewhere = await makeRig(await makeReference('small'));
    return new IntentCampaign(rig, new Mutations(rig.image, elsewhere.image, 'int/'), seed);
  }

  get count(): number {
    return this.mutations.count;
  }

  at(index: number): Mutation {
    return this.mutations.at(index);
  }

  command({ kind, object, offset }: Mutation): string {
    const name = kind.replaceAll(' ', '-');
    return `npm run tamper -- --target intents --only ${name} --object ${object} --offset ${offset} --seed ${this.#seed}`;
  }

  async run(mutation: Mutation, index: number): Promise<Outcome> {
    const { kind } = mutation;
    const changes = this.mutations.changes(mutation, this.#seed);
    const carried = await carry(this.rig, changes);
    const { notes } = carried;
    const full = index % FULL_EVERY === 0;
    notes.wrong.push(...this.#wrongOf(carried, changes));
    if (notes.codes.length > 0) notes.wrong.push(`a commit was refused: ${notes.codes.join(', ')}`);
    if (full && notes.wrong.length === 0)
      await checkMade(carried.image, this.rig.world.intents).catch((error: unknown) =>
        notes.wrong.push(String(error)),
      );
    const finding = { ...notes, verifyOk: true, version: undefined };
    const verdict = judge(finding, 0);
    const reason = verdict === 'silent' ? { reason: reasonOf(finding) } : {};
    return { kind, verdict, codes: notes.codes, full, ...reason };
  }

  /** Those that were carried and should not have been, and the other way round. */
  #wrongOf({ decided }: Carried, changes: Changes): string[] {
    const { names, world } = this.rig;
    const wrong: string[] = [];
    const expect = (name: string, isDue: boolean | undefined): boolean => {
      const { writerId, k, hash } = world.intents.get(name)!;
      const entry = decided.get(hex(writerId));
      const isDecided = entry !== undefined && Number(entry.k) >= k;
      if (isDue !== undefined && isDue !== isDecided)
        wrong.push(`${name} was ${isDecided ? '' : 'not '}carried`);
      if (Number(entry?.k) === k) {
        if (hex(entry!.hash) !== hex(hash)) wrong.push(`${name} was carried with another hash`);
        if (entry!.verdicts.some((verdict) => verdict.kind !== 0)) wrong.push(`${name} was not committed`);
      }
      return isDecided;
    };
    /** Undefined: whoever does not list it may know of it, or not. */
    const isThere = (name: string): boolean | undefined => {
      const shown = changes.get(name);
      return shown === undefined ? true : shown === 'not listed' ? undefined : false;
    };
    const isFirst = expect(names.first, isThere(names.first));
    expect(names.second, isFirst ? isThere(names.second) : false);
    expect(names.other, isThere(names.other));
    return wrong;
  }
}
