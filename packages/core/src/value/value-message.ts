/**
 * Walks a MessagePack message without decoding it, so that msgpackr meets only what `encodeValue` could have written.
 *
 * Invariants:
 * - Every length is that of bytes or items that are there, so nothing is allocated by a length that lies.
 * - Nesting is bounded and the walk itself doesn't recurse.
 * - Objects' keys are strings. Extensions are those of value.ts: none that defines records, bundles strings or
 *   refers back.
 */
import { corrupt } from '../object/errors.js';
import { Tagged } from './value-tag.js';

const UNDEFINED = 0x00;
const BIGINT = 0x42;
const SET = 0x73;
const TYPED_ARRAY = 0x74;
const TIMESTAMP = 0xff;
/** Extensions whose payload is bytes; the others wrap the array that follows them. */
const PAYLOADS: ReadonlySet<number> = new Set([BIGINT, TYPED_ARRAY, TIMESTAMP]);

/** @throws HoldfastError CORRUPT, naming the offset in `bytes`. */
export function checkMessage(bytes: Uint8Array, depthMax: number, object: string): void {
  const end = bytes.length;
  let at = 0;
  const fail = (expected: string): Error =>
    corrupt(object, `at offset ${at} of its MessagePack, expected ${expected}`);
  const length = (width: number): number => {
    if (width > end - at) throw fail(`${width} more bytes, found ${end - at}`);
    let value = 0;
    for (const stop = at + width; at < stop; at++) value = value * 256 + bytes[at]!;
    return value;
  };
  const skip = (count: number): void => {
    if (count > end - at) throw fail(`${count} more bytes, found ${end - at}`);
    at += count;
  };

  // Items still to come in the innermost container, and whether it is a map: then an even number means a key is next.
  let pending = 1;
  let inMap = false;
  let mustBeArray = false;
  const outer: { readonly pending: number; readonly inMap: boolean }[] = [];
  const enter = (items: number, map: boolean): void => {
    if (items > end - at) throw fail(`at most ${end - at} items, found a count of ${items}`);
    if (outer.length === depthMax) throw fail(`containers nested at most ${depthMax} deep`);
    outer.push({ pending, inMap });
    pending = items;
    inMap = map;
  };
  const extension = (payload: number): void => {
    const type = length(1);
    if (PAYLOADS.has(type)) skip(payload);
    else if (payload !== 1) throw fail(`a known extension, found type ${type} with ${payload} bytes`);
    else if (type === UNDEFINED) skip(1);
    else if (type === SET || type === Tagged.EXTENSION) {
      skip(1);
      // What it wraps is the same item.
      pending++;
      mustBeArray = true;
    } else throw fail(`a known extension, found type ${type}`);
  };

  for (;;) {
    while (pending === 0) {
      const container = outer.pop();
      if (container === undefined) {
        if (at !== end) throw fail(`the end, found ${end - at} more bytes`);
        return;
      }
      ({ pending, inMap } = container);
    }
    if (at === end) throw fail('another item, found the end');
    const token = bytes[at]!;
    const isString = (token >= 0xa0 && token < 0xc0) || (token >= 0xd9 && token <= 0xdb);
    if (inMap && pending % 2 === 0 && !isString) throw fail('a string for a key');
    if (mustBeArray && !((token >= 0x90 && token < 0xa0) || token === 0xdc || token === 0xdd))
      throw fail('an array');
    mustBeArray = false;
    pending--;
    at++;
    if (token < 0x80 || token >= 0xe0) continue;
    if (token < 0x90) enter((token - 0x80) * 2, true);
    else if (token < 0xa0) enter(token - 0x90, false);
    else if (token < 0xc0) skip(token - 0xa0);
    else
      switch (token) {
        case 0xc0:
        case 0xc2:
        case 0xc3:
          break;
        case 0xc4:
        case 0xd9:
          skip(length(1));
          break;
        case 0xc5:
        case 0xda:
          skip(length(2));
          break;
        case 0xc6:
        case 0xdb:
          skip(length(4));
          break;
        case 0xc7:
          extension(length(1));
          break;
        case 0xc8:
          extension(length(2));
          break;
        case 0xc9:
          extension(length(4));
          break;
        case 0xca:
        case 0xce:
        case 0xd2:
          skip(4);
          break;
        case 0xcb:
        case 0xcf:
        case 0xd3:
          skip(8);
          break;
        case 0xcc:
        case 0xd0:
          skip(1);
          break;
        case 0xcd:
        case 0xd1:
          skip(2);
          break;
        case 0xd4:
        case 0xd5:
        case 0xd6:
        case 0xd7:
        case 0xd8:
          extension(2 ** (token - 0xd4));
          break;
        case 0xdc:
          enter(length(2), false);
          break;
        case 0xdd:
          enter(length(4), false);
          break;
        case 0xde:
          enter(length(2) * 2, true);
          break;
        case 0xdf:
          enter(length(4) * 2, true);
          break;
        default:
          at--;
          throw fail(`a type, found 0x${token.toString(16)}`);
      }
  }
}
