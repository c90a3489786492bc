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
   */
  epochKey(epoch: number): Promise<Uint8Array>;
  /** A ring with one more epoch, which becomes the current one. */
  rotate(): Promise<Keyring>;
  /**
   * A ring without these epochs: with the last ring that held it, an epoch's key is gone. Throws a TypeError
   * for the current epoch; ignores those that are not here.
   */
  without(epochs: Iterable<number>): Keyring;
}

export interface KeyringOptions {
  readonly provider: CryptoProvider;
  readonly root: RootKey;
  /** 16 bytes: bound into every wrapped key. */
  readonly databaseId: Uint8Array;
  readonly random: (length: number) => Uint8Array;
}

/** A new ring with epoch 1. Throws a TypeError for a root key or a database id of the wrong length. */
export async function createKeyring(options: KeyringOptions): Promise<Keyring> {
  const owner: RingOwner = { wrap: await createKeyWrap(options), random: options.random };
  return addEpoch(owner, new Map(), new Map(), 1);
}

/**
 * Decodes a ring and unwraps its current epoch, so that a wrong root key shows at once (WRONG_KEY).
 * Throws KeyringError CORRUPT for bytes that are no ring of this database, UNAVAILABLE where the key provider
 * fails.
 */
export async function openKeyring(options: KeyringOptions, bytes: Uint8Array): Promise<Keyring> {
  const wrap = await createKeyWrap(options);
  const { kind, rootCommitment, wrapped } = decodeKeyring(bytes);
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
  const ring = makeRing({ wrap, random: options.random }, wrapped, new Map());
  await ring.epochKey(ring.currentEpoch);
  return ring;
}

interface RingOwner {
  readonly wrap: KeyWrap;
  readonly random: (length: number) => Uint8Array;
}

type WrappedKeys = ReadonlyMap<number, Uint8Array>;
type OpenKeys = ReadonlyMap<number, Promise<Uint8Array>>;

function makeRing(owner: RingOwner, wrapped: WrappedKeys, known: OpenKeys): Keyring {
  const epochs = Object.freeze([...wrapped.keys()]);
  const currentEpoch = epochs.at(-1)!;
  const opened = new Map(known);

  return {
    bytes: encodeKeyring({ kind: owner.wrap.kind, rootCommitment: owner.wrap.rootCommitment, wrapped }),
    currentEpoch,
    epochs,

    async epochKey(epoch) {
      const remembered = opened.get(epoch);
      if (remembered) return remembered;
      const found = wrapped.get(epoch);
      if (!found) {
        throw new KeyringError(
          'CORRUPT',
          `keyring: expected epoch ${epoch}, found only ${epochs.join(', ')}`,
        );
      }
      const opening = owner.wrap.unwrap(epoch, found);
      opened.set(epoch, opening);
      // A failure is not remembered: the key provider may be back for the next call.
      opening.catch(() => opened.delete(epoch));
      return opening;
    },

    async rotate() {
      return addEpoch(owner, wrapped, opened, currentEpoch + 1);
    },

    without(unwanted) {
      const left = new Map(wrapped);
      const leftOpen = new Map(opened);
      for (const epoch of unwanted) {
        if (epoch === currentEpoch) {
          throw new TypeError(`keyring: epoch ${epoch} is the current one; rotate before dropping it`);
        }
        left.delete(epoch);
        leftOpen.delete(epoch);
      }
      return makeRing(owner, left, leftOpen);
    },
  };
}

async function addEpoch(
  owner: RingOwner,
  wrapped: WrappedKeys,
  opened: OpenKeys,
  epoch: number,
): Promise<Keyring> {
  if (epoch > EPOCH_MAX || wrapped.size >= EPOCH_COUNT_MAX) {
    throw new TypeError(
      `keyring: expected at most ${EPOCH_COUNT_MAX} epochs, found ${wrapped.size}; drop old ones`,
    );
  }
  const key = owner.random(32);
  checkBytes('random', key, 32);
  const wrappedKey = await owner.wrap.wrap(epoch, key);
  return makeRing(
    owner,
    new Map(wrapped).set(epoch, wrappedKey.slice()),
    new Map(opened).set(epoch, Promise.resolve(key)),
  );
}
