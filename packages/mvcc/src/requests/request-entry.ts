/** Where requests are kept: each in an entry of its own, for ever, or all of a session in one (sessions.ts). */
import { corrupt, decodeValue, encodeKey, encodeValue } from '@holdfast/core';
import { kindOf } from '../context/call-options.js';
import { inSpace, type StoredAndBytes, SYSTEM_SPACE, toStoredKey } from '../state/space.js';
import type { TailEntry } from '../state/tail.js';
import type { Known, RequestEntry, RequestId } from './requests.js';
import { SessionEntry } from './sessions.js';

const ID_CHARACTERS_MAX = 512;

/** @throws TypeError, RangeError for what names no request. */
export function requestEntry(requestId: RequestId): RequestEntry {
  if (typeof requestId === 'object' && requestId !== null) {
    const { session } = requestId;
    return new SessionEntry(requestId, keyOf('session', session, 'requestId.session: expected'));
  }
  const at = keyOf('request', requestId, 'requestId: expected { session, number } or');
  return new SingleEntry(requestId, at);
}

function keyOf(kind: string, id: string, expected: string): StoredAndBytes {
  if (typeof id !== 'string' || id.length === 0 || id.length > ID_CHARACTERS_MAX)
    throw new TypeError(
      `${expected} a string of 1 to ${ID_CHARACTERS_MAX} characters, found ${typeof id === 'string' ? `${id.length} characters` : kindOf(id)}.`,
    );
  const bytes = inSpace(SYSTEM_SPACE, encodeKey([kind, id]));
  return { stored: toStoredKey(bytes), bytes };
}

/** A request with an entry of its own. */
class SingleEntry implements RequestEntry {
  readonly name: string;
  readonly at: StoredAndBytes;

  constructor(id: string, at: StoredAndBytes) {
    this.name = `Request ${JSON.stringify(id)}`;
    this.at = at;
  }

  read(found: TailEntry | undefined): Known {
    if (found?.value === undefined) return { status: 'open' };
    const object = `The entry of ${this.name}`;
    const stored = (decodeValue(found.value, object) ?? {}) as Record<string, unknown>;
    const { closed, digest, result } = stored;
    if (closed === true) return { status: 'closed' };
    if (!(digest instanceof Uint8Array))
      throw corrupt(object, 'expected { digest, result } or { closed }, found something else');
    return { status: 'committed', digest, result, stamp: found };
  }

  committed(_: TailEntry | undefined, digest: Uint8Array, result: unknown): Uint8Array {
    return encodeValue({ digest, result });
  }

  closed(): Uint8Array {
    return encodeValue({ closed: true });
  }
}
