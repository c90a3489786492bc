export { encodeKey, type Key, type KeyPart, type KeyTuple, MAX_KEY_BYTES, MAX_KEY_DEPTH } from './key.js';
export { decodeKey } from './key-decode.js';
export { type KeyRange, keyBounds } from './key-range.js';
export {
  CompactRange,
  compactRangeLength,
  consistencyProof,
  HASH_BYTES,
  inclusionProof,
  leafHash,
  merkleRoot,
  nodeHash,
  type Sha256,
  sharedSubtreesAgree,
  verifyConsistency,
  verifyInclusion,
} from './merkle.js';
