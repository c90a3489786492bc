/**
 * The epoch keys of one database.
 *
 * Invariants:
 * - A ring is immutable; rotating makes another one. Its bytes hold wrapped keys only.
 * - An epoch number is never used again: the current epoch stays in the ring, and the next one is above it.
 * - Keys live in closures, out of reach of JSON, string conversion and error messages.
 *
 * A ring does not know whether it is the newest: the record that carries it does.
 */
import { abortable } from './abortable.js';
import { checkBytes } from './check.js';
import { constantTimeEqual } from './constant-time.js';
import { createKeyWrap, type KeyWrap } from './key-wrap.js';
import { KeyringError } from './keyring-error.js';
import { decodeKeyring, EPOCH_COUNT_MAX, EPOCH_MAX, encodeKeyring, ROOT_KIND } from './keyring-format.js';
import type { CryptoProvider } from './provider.js';
import type { RootKey } from './root-key.js';

/**
 * The epoch keys of one database, each wrapped by the root key. Its encoded bytes travel in the clear
 * header of every record, where the record's own authentication covers them.
 */
export interface Keyring {
  /** What goes into a record's header. */
  readonly bytes: Uint8Array;
  /** The epoch that new objects are sealed under; epochs count from 1. */
  readonly currentEpoch: number;
  readonly epochs: readonly number[];
  /**
   * Unwraps on first use and remembers: the same 32 bytes every time, not to be changed.
   * Throws KeyringError CORRUPT for an epoch that is not here.
   * @param signal ends the waiting for a key provider, with its reason; the next call asks the provider anew.
   */
  epochKey(epoch: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** A ring with one more epoch, which becomes the current one. @param signal as of `epochKey`. */
  rotate(signal?: AbortSignal): Promise<Keyring>;
  /**
   * A ring without these epochs: with the last ring that held it, an epoch's key is gone. Throws a TypeError
   * for the current epoch; ignores those that are not here.
   */
  without(epochs: Iterable<number>): Keyring;
}

export interface KeyringOptions {
  readonly provider: CryptoProvider;
  /** 32 bytes, the same as 64 hex digits, or a key provider: taken at the call, as all of this. */
  readonly root: RootKey | string;
  /** 16 bytes: bound into every wrapped key. */
  readonly databaseId: Uint8Array;
  readonly random: (length: number) => Uint8Array;
  /** Ends the making or opening of the ring, with its reason, and nothing after that. */
  readonly signal?: AbortSignal | undefined;
}

/** A new ring with epoch 1. Throws a TypeError for a root key or a database id of the wrong length. */
export async function createKeyring(options: KeyringOptions): Promise<Keyring> {
  const { random, signal } = options;
  signal?.throwIfAborted();
  const wrap = await createKeyWrap(options);
  return addEpoch({ wrap, random, opened: new WeakMap(), keys: new WeakMap() }, new Map(), 1, signal);
}

/**
 * Decodes a ring and unwraps its current epoch, so that a wrong root key shows at once (WRONG_KEY). Nothing is
 * remembered outside the ring: one whose record does not authenticate afterwards is dropped without a trace.
 * Throws KeyringError CORRUPT for bytes that are no ring of this database, UNAVAILABLE where the key provider
 * fails.
 */
export async function openKeyring(options: KeyringOptions, bytes: Uint8Array): Promise<Keyring> {
  const { random, signal } = options;
  signal?.throwIfAborted();
  // Its bytes are taken with the rest, before anything is waited for.
  const encoded = new Uint8Array(bytes);
  const wrap = await createKeyWrap(options);
  const { kind, rootCommitment, wrapped } = decodeKeyring(encoded);
  if (kind !== wrap.kind) {
    throw new KeyringError(
      'WRONG_KEY',
      kind === ROOT_KIND.raw
        ? 'keyring: made with a raw 32-byte root key, opened with a key provider; give the 32 bytes'
        : 'keyring: made with a key provider, opened with a raw root key; give the key provider',
    );
  }
  if (!constantTimeEqual(rootCommitment, wrap.rootCommitment)) {
    throw new KeyringError(
      'WRONG_KEY',
      'keyring: made with another root key or for another database; give the root key that created it',
    );
  }
  const ring = makeRing({ wrap, random, opened: new WeakMap(), keys: new WeakMap() }, wrapped);
  await ring.epochKey(ring.currentEpoch, signal);
  return ring;
}

interface RingOwner {
  readonly wrap: KeyWrap;
  readonly random: (length: number) => Uint8Array;
  // By the wrapped bytes, not by epoch: two rings rotated from one have different keys for one epoch number.
  readonly opened: WeakMap<Uint8Array, Promise<Uint8Array>>;
  /** Those that have been given. */
  readonly keys: WeakMap<Uint8Array, Uint8Array>;
}

type WrappedKeys = ReadonlyMap<number, Uint8Array>;

function makeRing(owner: RingOwner, wrapped: WrappedKeys): Keyring {
  const { wrap, opened, keys } = owner;
  const epochs = Object.freeze([...wrapped.keys()]);
  const currentEpoch = epochs.at(-1)!;

  return {
    bytes: encodeKeyring({ kind: wrap.kind, rootCommitment: wrap.rootCommitment, wrapped }),
    currentEpoch,
    epochs,

    async epochKey(epoch, signal) {
      const found = wrapped.get(epoch);
      if (!found) {
        throw new KeyringError(
          'CORRUPT',
          `keyring: expected epoch ${epoch}, found ${epochs.length} epochs from ${epochs[0]} to ${currentEpoch}`,
        );
      }
      signal?.throwIfAborted();
      const known = keys.get(found);
      // Every object asks: one that is known waits for nobody.
      if (known) return known;
      let opening = opened.get(found);
      if (opening === undefined) {
        opening = wrap.unwrap(epoch, found);
        opened.set(found, opening);
      }
      const forget = (): void => {
        if (opened.get(found) === opening) opened.delete(found);
      };
      try {
        const key = await abortable(opening, signal);
        keys.set(found, key);
        return key;
      } catch (error) {
        // Not remembered, neither a failure nor a question without an answer: the key provider may be back for the
        // next call.
        forget();
        throw error;
      }
    },

    async rotate(signal) {
      return addEpoch(owner, wrapped, currentEpoch + 1, signal);
    },

    without(unwanted) {
      const left = new Map(wrapped);
      for (const epoch of unwanted) {
        if (epoch === currentEpoch) {
          throw new TypeError(`keyring: epoch ${epoch} is the current one; rotate before dropping it`);
        }
        left.delete(epoch);
      }
      return makeRing(owner, left);
    },
  };
}

async function addEpoch(
  owner: RingOwner,
  wrapped: WrappedKeys,
  epoch: number,
  signal: AbortSignal | undefined,
): Promise<Keyring> {
  signal?.throwIfAborted();
  if (epoch > EPOCH_MAX || wrapped.size >= EPOCH_COUNT_MAX) {
    throw new TypeError(
      `keyring: no room for epoch ${epoch} beside ${wrapped.size} others (at most ${EPOCH_COUNT_MAX} epochs, ` +
        `numbered to ${EPOCH_MAX}); drop those that no object uses`,
    );
  }
  const random = owner.random(32);
  checkBytes('random', random, 32);
  // A copy: the source may hand out views of a buffer that it fills again.
  const key = new Uint8Array(random);
  const wrappedKey = await abortable(owner.wrap.wrap(epoch, key), signal);
  owner.keys.set(wrappedKey, key);
  return makeRing(owner, new Map(wrapped).set(epoch, wrappedKey));
}
