/** A store that is as far away as stores are, and that remembers every intent that was ever put there. */
import {
  type Clock,
  type GetOptions,
  type ListedObject,
  type ListOptions,
  MemoryStore,
  type PutOptions,
  type PutResult,
  type StoredObject,
} from '@holdfast/object-store';
import type { Random } from '../world/random.js';

export class FarStore extends MemoryStore {
  readonly intents: Map<string, Uint8Array> = new Map<string, Uint8Array>();
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #isFaulty: boolean;

  /** @param isFaulty whether it shows each intent with a byte changed. */
  constructor(clock: Clock, random: Random, isFaulty: boolean) {
    super('far');
    this.#clock = clock;
    this.#random = random;
    this.#isFaulty = isFaulty;
  }

  #delay(): Promise<void> {
    return this.#clock.sleep(5 + this.#random.below(40));
  }

  override async put(name: string, bytes: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    await this.#delay();
    if (name.startsWith('int/')) this.intents.set(name, bytes.slice());
    const result = super.put(name, bytes, options);
    await this.#delay();
    return result;
  }

  override async get(name: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    await this.#delay();
    const found = await super.get(name, options);
    await this.#delay();
    if (found && this.#isFaulty && name.startsWith('int/'))
      found.bytes[this.#random.below(found.bytes.length)]! ^= 1 + this.#random.below(255);
    return found;
  }

  override async *list(
    prefix: string,
    options: ListOptions = {},
  ): AsyncGenerator<ListedObject, void, undefined> {
    await this.#delay();
    yield* super.list(prefix, options);
  }
}
