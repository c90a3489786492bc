export { isUint8Array } from '@holdfast/crypto';
export { BlockCache } from './block-cache.js';
export {
  ByteReader,
  ByteWriter,
  compareBytes,
  concatBytes,
  copyBytes,
  equalBytes,
  plainBytes,
  toHex,
} from './bytes.js';
export { getBounded, readChecked } from './checked-read.js';
export { type Entry, VALUE_PIECE_BYTES } from './entry.js';
export { ENVELOPE_BYTES, type Envelope, FORMAT_VERSION, readEnvelope, type Sealing } from './envelope.js';
export { corrupt, HoldfastError, type HoldfastErrorCode, type HoldfastErrorOptions } from './errors.js';
export { encodeKey, type Key, type KeyPart, type KeyTuple, MAX_KEY_BYTES, MAX_KEY_DEPTH } from './key.js';
export { decodeKey } from './key-decode.js';
export { type KeyRange, keyBounds } from './key-range.js';
export { Manifest, type PageRef, type PageUpload, readManifestSection } from './manifest.js';
export {
  CompactRange,
  compactRangeLength,
  consistencyProof,
  continuationSizes,
  HASH_BYTES,
  inclusionProof,
  leafHash,
  merkleRoot,
  nodeHash,
  type Sha256,
  sharedSubtreesAgree,
  standsIn,
  verifyConsistency,
  verifyInclusion,
} from './merkle.js';
export { MISS } from './miss.js';
export {
  LOG_PREFIX,
  MAX_VERSION,
  OBJECT_ID_BYTES,
  type ObjectId,
  objectName,
  PAGE_PREFIX,
  parseRecordName,
  recordName,
  SEGMENT_PREFIX,
} from './names.js';
export { decodePage, encodePage, PAGE_BYTES_MAX, PAGE_ENTRIES_MAX, readPageClear } from './page.js';
export {
  type Carry,
  type CarryRef,
  carryFrom,
  decodeRecordHeader,
  type EncodedEntries,
  encodeEntry,
  encodeRecord,
  type LoggedTransaction,
  type LogRecord,
  openRecord,
  RECORD_BYTES_MAX,
  type RecordBody,
  type RecordClear,
  type RecordDraft,
  type RecordHeader,
  recordObjectId,
  type Write,
} from './record.js';
export { auditSegment } from './segment-audit.js';
export { BLOCK_BYTES, SegmentBuilder } from './segment-builder.js';
export { type Cursor, type CursorOptions, SegmentCursor } from './segment-cursor.js';
export {
  type ClearSegmentEntry,
  placeSegment,
  type SegmentDescriptor,
  type SegmentEntry,
} from './segment-entry.js';
export { SMALL_SEGMENT_BYTES, type VerifyOptions } from './segment-object.js';
export { SegmentReader } from './segment-reader.js';
export type { SegmentDeps } from './segment-source.js';
export { decodeValue, encodeValue, MAX_VALUE_BYTES, MAX_VALUE_DEPTH, type Value } from './value.js';
export { WindowBudget } from './window-budget.js';
