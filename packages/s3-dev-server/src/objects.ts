/**
 * Buckets and objects in memory.
 *
 * Invariant: reading the condition of a put and storing its object happen without an await in between, so
 * of any number of racing creates exactly one wins.
 */
import { createHash } from 'node:crypto';

export type Versioning = 'none' | 'enabled' | 'suspended';

export interface DevObject {
  readonly bytes: Uint8Array;
  /** With its quotes: the MD5 of the bytes, as S3's of a plain single put. */
  readonly etag: string;
  readonly modifiedMs: number;
  /** Headers that a read gives back: content-type, cache-control, x-amz-meta-*. */
  readonly headers: Readonly<Record<string, string>>;
  /** When it took effect, in the server's order of events. */
  readonly sequence: number;
}

export class DevBucket {
  readonly name: string;
  readonly createdMs: number;
  versioning: Versioning;
  readonly #objects = new Map<string, DevObject>();

  constructor(name: string, createdMs: number, versioning: Versioning) {
    this.name = name;
    this.createdMs = createdMs;
    this.versioning = versioning;
  }

  get(key: string): DevObject | undefined {
    return this.#objects.get(key);
  }

  put(
    key: string,
    bytes: Uint8Array,
    extra: { headers?: Readonly<Record<string, string>>; modifiedMs?: number; sequence?: number } = {},
  ): DevObject {
    const object: DevObject = {
      // Not slice(): a Buffer would share its memory.
      bytes: new Uint8Array(bytes),
      etag: `"${createHash('md5').update(bytes).digest('hex')}"`,
      modifiedMs: extra.modifiedMs ?? Date.now(),
      headers: extra.headers ?? {},
      sequence: extra.sequence ?? 0,
    };
    this.#objects.set(key, object);
    return object;
  }

  /** @returns whether there was one. */
  delete(key: string): boolean {
    return this.#objects.delete(key);
  }

  /** In ascending order of their UTF-8 bytes. */
  keys(): string[] {
    return [...this.#objects.keys()]
      .map((key) => Buffer.from(key))
      .sort(Buffer.compare)
      .map((key) => key.toString());
  }
}
