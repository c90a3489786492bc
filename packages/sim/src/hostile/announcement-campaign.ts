/**
 * A key holder's bugs in what it announces: contents of intents changed and sealed again. Whoever makes records carries
 * what they say, or none of it: it goes on in either case, and makes no record that others can't read.
 */
import { Random } from '../world/random.js';
import type { Num } from './bytes.js';
import type { Campaign, Outcome } from './campaign.js';
import type { Changes, Shown } from './image-store.js';
import { type Content, writeContent } from './intent-layout.js';
import { carry, checkMade, intentId, makeRig, type Rig } from './intent-rig.js';
import { edited, mutate } from './mutator.js';
import { sealIntent } from './rebuild.js';
import type { StructureMutation } from './structure-campaign.js';
import { judge, reasonOf } from './verdict.js';
import { hex, openIntent, sha256 } from './world.js';

const COMMITTED = 0;

export class AnnouncementCampaign implements Campaign<StructureMutation> {
  readonly name = 'announcements';
  readonly count: number;
  readonly #rig: Rig;
  readonly #seed: number;

  private constructor(rig: Rig, count: number, seed: number) {
    this.#rig = rig;
    this.count = count;
    this.#seed = seed;
  }

  static async make(options: { seed?: number; count?: number } = {}): Promise<AnnouncementCampaign> {
    const { seed = 1, count = 5000 } = options;
    return new AnnouncementCampaign(await makeRig(), count, seed);
  }

  at(index: number): StructureMutation {
    return { object: 'any', offset: index };
  }

  command({ offset }: StructureMutation): string {
    return `npm run tamper -- --target announcements --offset ${offset} --seed ${this.#seed}`;
  }

  async run({ offset }: StructureMutation): Promise<Outcome> {
    const random = new Random(this.#seed, `announcement ${offset}`);
    const { world, names } = this.#rig;
    // A first intent gets the writer id that its content makes; of a second one the id stays.
    const honest = world.intents.get(random.pick([names.first, names.second, names.other]))!;
    const lies = new Map<object, Num>();
    const content = structuredClone(honest.content) as Content;
    const inText = random.chance(0.2);
    if (!inText) mutate(content as unknown as Record<string, unknown>, random, lies);
    const text = writeContent(content, lies);
    const plaintext = inText ? edited(text, random) : text;
    const writerId = honest.k === 1 ? sha256(plaintext).slice(0, 16) : honest.writerId;
    const name = `int/${hex(writerId)}/${honest.k}`;
    const envelope = { ...honest.envelope, objectId: intentId(writerId, honest.k) };
    const bytes = await sealIntent(world, envelope, plaintext);
    const changes: Changes = new Map<string, Shown>([
      [honest.name, 'gone'],
      [name, bytes],
    ]);
    return {
      kind: `announcement: ${inText ? 'bytes' : 'structure'}`,
      ...(await this.#examine(name, bytes, changes)),
    };
  }

  async #examine(name: string, bytes: Uint8Array, changes: Changes): Promise<Omit<Outcome, 'kind'>> {
    const { world } = this.#rig;
    const said = await openIntent(world.keys, name, bytes).catch((error: unknown) => String(error));
    const { notes, decided, image } = await carry(this.#rig, changes);
    if (notes.codes.length > 0) notes.wrong.push(`a commit was refused: ${notes.codes.join(', ')}`);
    const intents = new Map(world.intents);
    for (const changed of changes.keys()) intents.delete(changed);
    if (typeof said === 'string') {
      const [, writer, k] = name.split('/');
      const entry = decided.get(writer!);
      if (Number(entry?.k) === Number(k) && entry!.verdicts.some(({ kind }) => kind === COMMITTED))
        notes.wrong.push(`it was committed, and is none: ${said}`);
    } else intents.set(name, said);
    if (notes.wrong.length === 0)
      await checkMade(image, intents).catch((error: unknown) => notes.wrong.push(String(error)));
    const finding = { ...notes, verifyOk: true, version: undefined };
    const verdict = judge(finding, 0);
    const reason = verdict === 'silent' ? { reason: reasonOf(finding) } : {};
    return { verdict, codes: notes.codes, full: true, ...reason };
  }
}
