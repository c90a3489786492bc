/**
 * FORMAT.md's alphabet, spelled a second time: slow, and independent of the engine's own reader. A number may be
 * written that no reader accepts.
 */

/** Bigints are for what a number can't say. Negative ones are written as if 64 bits wide. */
export type Num = number | bigint;

/** What FORMAT.md does not allow. */
export class NotInFormat extends Error {}

export class Take {
  readonly #bytes: Uint8Array;
  at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.at = at;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.at;
  }

  raw(length: number): Uint8Array {
    if (length > this.left) throw new NotInFormat(`expected ${length} bytes at ${this.at}`);
    this.at += length;
    return this.#bytes.slice(this.at - length, this.at);
  }

  u8(): number {
    return this.raw(1)[0]!;
  }

  u32(): number {
    return this.raw(4).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  u64(): number {
    const value = this.u32() * 2 ** 32 + this.u32();
    if (value > Number.MAX_SAFE_INTEGER) throw new NotInFormat('expected less than 2^53');
    return value;
  }

  varint(): number {
    let value = 0n;
    for (let shift = 0n; shift < 56n; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if ((byte === 0 && shift > 0n) || value > BigInt(Number.MAX_SAFE_INTEGER)) break;
      return Number(value);
    }
    throw new NotInFormat('expected a varint below 2^53 in its shortest form');
  }

  bytes(): Uint8Array {
    return this.raw(this.varint());
  }

  /** So many of what `each` takes. */
  list<T>(each: () => T): T[] {
    const count = this.varint();
    // Everything that is counted takes a byte or more.
    if (count > this.left) throw new NotInFormat(`expected at most ${this.left} items`);
    return Array.from({ length: count }, each);
  }

  end(): void {
    if (this.left !== 0) throw new NotInFormat(`expected the end at ${this.at}`);
  }
}

/** Writes, and lies about lengths and counts where it is told to. */
export class Put {
  #bytes = new Uint8Array(1024);
  #length = 0;
  readonly #lies: ReadonlyMap<object, Num>;

  /** @param lies what is written as the length of bytes, or the count of a list, instead of the truth. */
  constructor(lies: ReadonlyMap<object, Num> = new Map()) {
    this.#lies = lies;
  }

  raw(bytes: Uint8Array): this {
    const needed = this.#length + bytes.length;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = needed;
    return this;
  }

  u8(value: Num): this {
    return this.raw(Uint8Array.of(Number(BigInt.asUintN(8, BigInt(value)))));
  }

  u32(value: Num): this {
    return this.#wide(value, 4);
  }

  u64(value: Num): this {
    return this.#wide(value, 8);
  }

  #wide(value: Num, width: number): this {
    const bytes = new Uint8Array(width);
    let rest = BigInt.asUintN(width * 8, BigInt(value));
    for (let i = width - 1; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
    return this.raw(bytes);
  }

  varint(value: Num): this {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    return this.raw(Uint8Array.from([...bytes, Number(rest)]));
  }

  bytes(bytes: Uint8Array): this {
    return this.varint(this.#lies.get(bytes) ?? bytes.length).raw(bytes);
  }

  list<T>(items: readonly T[], each: (item: T) => void): this {
    this.varint(this.#lies.get(items) ?? items.length);
    for (const item of items) each(item);
    return this;
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}
