export { isUint8Array, typedArrayClass } from './bytes-of-any-realm.js';
export { constantTimeEqual } from './constant-time.js';
export { defaultProvider } from './default-provider.js';
export { hedgedSalt } from './hedged-salt.js';
export { createKeyring, type Keyring, type KeyringOptions, openKeyring } from './keyring.js';
export { KeyringError, type KeyringErrorCode } from './keyring-error.js';
export { keyringEpochs } from './keyring-format.js';
export { nobleProvider } from './noble-provider.js';
export {
  CHUNK_OVERHEAD_BYTES,
  createObjectCipher,
  OBJECT_KIND,
  type ObjectCipher,
  type ObjectContext,
  type ObjectKind,
  type SuiteId,
} from './object-cipher.js';
export type { AesGcm, CryptoProvider } from './provider.js';
export { type KeyProvider, type RootKey, rootKeyOf } from './root-key.js';
export { webCryptoProvider } from './webcrypto-provider.js';
