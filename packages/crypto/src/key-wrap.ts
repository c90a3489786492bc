/**
 * Wrapping epoch keys by a root key, held here (raw) or elsewhere (a key provider).
 *
 * Invariant: a wrapped key is bound to its database and its epoch, so keys that were swapped between rings or
 * epochs do not unwrap.
 */
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { isUint8Array } from './bytes-of-any-realm.js';
import { checkBytes } from './check.js';
import { constantTimeEqual } from './constant-time.js';
import { KeyringError } from './keyring-error.js';
import { ROOT_KIND, type RootKind, WRAPPED_BYTES_MAX } from './keyring-format.js';
import type { CryptoProvider } from './provider.js';
import { type KeyProvider, ROOT_KEY_BYTES, type RootKey, rootKeyOf } from './root-key.js';

export interface KeyWrap {
  readonly kind: RootKind;
  /** 32 bytes that only this root key gives; zero where a provider holds it. */
  readonly rootCommitment: Uint8Array;
  wrap(epoch: number, epochKey: Uint8Array): Promise<Uint8Array>;
  /** Rejects with a KeyringError; never yields a key that was not wrapped for this epoch. */
  unwrap(epoch: number, wrapped: Uint8Array): Promise<Uint8Array>;
}

export interface KeyWrapOptions {
  readonly provider: CryptoProvider;
  readonly root: RootKey | string;
  readonly databaseId: Uint8Array;
  readonly random: (length: number) => Uint8Array;
}

const KEY_BYTES = ROOT_KEY_BYTES;
const NONCE_BYTES = 12;
const BINDING_BYTES = 16;
const COMMITMENT_DOMAIN = utf8ToBytes('holdfast/1 root commitment');
const WRAP_DOMAIN = utf8ToBytes('holdfast/1 wrap');
const BINDING_DOMAIN = utf8ToBytes('holdfast/1 epoch key');

/**
 * Takes the root key and the database id when it is called.
 * @throws TypeError where the root key is neither 32 bytes, as such or in hex, nor a key provider.
 */
export async function createKeyWrap(options: KeyWrapOptions): Promise<KeyWrap> {
  checkBytes('database id', options.databaseId, 16);
  const root = rootKeyOf(options.root);
  return isUint8Array(root) ? createRawWrap(root, options) : createProviderWrap(root, options);
}

/** AES-256-GCM under HKDF(root, database id, "holdfast/1 wrap"): nonce 12 || sealed key 32 || tag 16. */
async function createRawWrap(root: Uint8Array, options: KeyWrapOptions): Promise<KeyWrap> {
  const { provider, random } = options;
  const databaseId = new Uint8Array(options.databaseId);
  const rootCommitment = await provider.hkdfSha256(root, databaseId, COMMITMENT_DOMAIN, 32);
  const gcm = await provider.aesGcm(await provider.hkdfSha256(root, databaseId, WRAP_DOMAIN, KEY_BYTES));
  return {
    kind: ROOT_KIND.raw,
    rootCommitment,
    async wrap(epoch, epochKey) {
      const nonce = random(NONCE_BYTES);
      checkBytes('random', nonce, NONCE_BYTES);
      return concatBytes(nonce, await gcm.seal(nonce, epochKey, concatBytes(databaseId, uint32(epoch))));
    },
    async unwrap(epoch, wrapped) {
      const expected = NONCE_BYTES + KEY_BYTES + 16;
      if (wrapped.length !== expected) {
        throw corrupt(epoch, `expected ${expected} wrapped bytes, found ${wrapped.length}`);
      }
      const nonce = wrapped.subarray(0, NONCE_BYTES);
      const aad = concatBytes(databaseId, uint32(epoch));
      const epochKey = await gcm.open(nonce, wrapped.subarray(NONCE_BYTES), aad);
      if (!epochKey) throw corrupt(epoch, 'its wrapped key does not authenticate');
      return epochKey;
    },
  };
}

/**
 * What the provider wraps is the key and a hash over database, epoch and key: a provider that does not
 * authenticate, or knows nothing of databases, still cannot give us another key unnoticed.
 */
function createProviderWrap(root: KeyProvider, options: KeyWrapOptions): KeyWrap {
  const { provider } = options;
  const databaseId = new Uint8Array(options.databaseId);
  const binding = (epoch: number, epochKey: Uint8Array): Uint8Array =>
    provider.sha256(BINDING_DOMAIN, databaseId, uint32(epoch), epochKey).subarray(0, BINDING_BYTES);
  return {
    kind: ROOT_KIND.provider,
    rootCommitment: new Uint8Array(32),
    async wrap(epoch, epochKey) {
      const secret = concatBytes(epochKey, binding(epoch, epochKey));
      const wrapped = await ask('wrap', epoch, () => root.wrap(secret));
      if (!isUint8Array(wrapped) || wrapped.length === 0 || wrapped.length > WRAPPED_BYTES_MAX) {
        const found = isUint8Array(wrapped) ? `${wrapped.length} bytes` : typeof wrapped;
        throw new TypeError(
          `key provider: expected wrap to yield 1 to ${WRAPPED_BYTES_MAX} bytes, found ${found}`,
        );
      }
      return new Uint8Array(wrapped);
    },
    async unwrap(epoch, wrapped) {
      // A copy: the ring's own bytes stay out of a stranger's hands.
      const secret = await ask('unwrap', epoch, () => root.unwrap(wrapped.slice()));
      const expected = KEY_BYTES + BINDING_BYTES;
      if (!isUint8Array(secret) || secret.length !== expected) {
        const found = isUint8Array(secret) ? `${secret.length} bytes` : typeof secret;
        throw corrupt(epoch, `expected the key provider to unwrap ${expected} bytes, found ${found}`);
      }
      const epochKey = new Uint8Array(secret.subarray(0, KEY_BYTES));
      if (!constantTimeEqual(secret.subarray(KEY_BYTES), binding(epoch, epochKey))) {
        throw corrupt(epoch, 'its key was wrapped for another database or epoch, or was altered');
      }
      return epochKey;
    },
  };
}

async function ask(
  call: 'wrap' | 'unwrap',
  epoch: number,
  request: () => Promise<Uint8Array>,
): Promise<Uint8Array> {
  try {
    return await request();
  } catch (error) {
    throw providerFailure(call, epoch, error);
  }
}

// Spelled in many ways: ACCESS_DENIED, AccessDeniedException, IncorrectKeyException, PERMISSION_DENIED.
const REFUSALS = /^(wrongkey|incorrectkey|accessdenied|permissiondenied)(exception|error)?$/;

function providerFailure(call: 'wrap' | 'unwrap', epoch: number, cause: unknown): KeyringError {
  const { code, name } = (cause ?? {}) as { code?: unknown; name?: unknown };
  const refused = [code, name].some(
    (word) => typeof word === 'string' && REFUSALS.test(word.replaceAll(/[^a-z]/gi, '').toLowerCase()),
  );
  return refused
    ? new KeyringError(
        'WRONG_KEY',
        `keyring: the key provider refused to ${call} epoch ${epoch}; use its root key`,
        {
          cause,
        },
      )
    : new KeyringError(
        'UNAVAILABLE',
        `keyring: the key provider failed to ${call} epoch ${epoch}; try again`,
        {
          cause,
        },
      );
}

function corrupt(epoch: number, what: string): KeyringError {
  return new KeyringError('CORRUPT', `keyring, epoch ${epoch}: ${what}`);
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
