export { isUint8Array } from '@holdfast/crypto';
export {
  encodeKey,
  encodeKeyIn,
  encodeKeyTo,
  type Key,
  type KeyPart,
  type KeyTuple,
  MAX_KEY_BYTES,
  MAX_KEY_DEPTH,
} from './key/key.js';
export { decodeKey } from './key/key-decode.js';
export { type KeyRange, keyBounds } from './key/key-range.js';
export { type ChangedManifest, Manifest, type PageUpload } from './manifest/manifest.js';
export { type PageRef, readManifestSection } from './manifest/manifest-section.js';
export { decodePage, encodePage, PAGE_BYTES_MAX, PAGE_ENTRIES_MAX, readPageClear } from './manifest/page.js';
export type { ManifestChange } from './manifest/page-plan.js';
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
  standingPart,
  standsIn,
  verifyConsistency,
  verifyInclusion,
} from './merkle/merkle.js';
export {
  beginningOf,
  type FilledTile,
  isTileOf,
  splitTile,
  type Tile,
  TileEdge,
  tiledPart,
  tilesAt,
  tilesBetween,
} from './merkle/tiles.js';
export {
  ByteReader,
  ByteWriter,
  compareBytes,
  concatBytes,
  copyBytes,
  equalBytes,
  plainBytes,
  toHex,
} from './object/bytes.js';
export { getBounded, readBounded, readChecked } from './object/checked-read.js';
export {
  ENVELOPE_BYTES,
  type Envelope,
  FORMAT_VERSION,
  readEnvelope,
  type Sealing,
} from './object/envelope.js';
export {
  corrupt,
  HoldfastError,
  type HoldfastErrorCode,
  type HoldfastErrorOptions,
  isMissing,
  missingObject,
} from './object/errors.js';
export {
  INTENT_PREFIX,
  intentName,
  LOG_PREFIX,
  MAX_VERSION,
  OBJECT_ID_BYTES,
  type ObjectId,
  objectName,
  PAGE_PREFIX,
  parseBaseVersion,
  parseIntentName,
  parseRecordName,
  parseTileName,
  recordName,
  SEGMENT_PREFIX,
  TILE_PREFIX,
  TILE_WIDTH,
  tileName,
} from './object/names.js';
export type {
  AnnouncedChange,
  AnnouncedMutation,
  AnnouncedTransaction,
} from './record/announced-transaction.js';
export {
  type Anchored,
  type Extensions,
  NO_EXTENSIONS,
  type OtherExtension,
  type Policy,
  passedOn,
  type Signer,
} from './record/extensions.js';
export {
  INTENT_BYTES_MAX,
  type IntentPlace,
  openIntent,
  type SealedIntent,
  sealIntent,
} from './record/intent.js';
export { type AnnouncedFlush, INTENT_NONCE_BYTES, type Intent } from './record/intent-body.js';
export { type DecidedIntent, type Intents, NO_INTENTS, type Verdict } from './record/intents.js';
export { hullOf, type KeysRead, keysReadBytes, keysReadWithin, type ReadRange } from './record/keys-read.js';
export {
  type ClearDraft,
  decodeRecordHeader,
  encodeRecord,
  GRACE_MS_DEFAULT,
  type LogRecord,
  openRecord,
  type RecordClear,
  type RecordHeader,
} from './record/record.js';
export {
  type Carry,
  type CarryRef,
  carryFrom,
  type EncodedEntries,
  type LoggedTransaction,
  RECORD_BYTES_MAX,
  type RecordBody,
  type RecordDraft,
  STORES_MAX,
} from './record/record-body.js';
export {
  PROCESS_ID_BYTES,
  TURN_READS_BYTES_MAX,
  TURNS_MAX,
  type Turn,
  WAIT_MS_MAX,
} from './record/turns.js';
export { encodeEntry, type Write } from './record/write.js';
export { BlockCache } from './segment/block-cache.js';
export { type Entry, VALUE_PIECE_BYTES } from './segment/entry.js';
export { Fetched } from './segment/fetched.js';
export { SoughtKey } from './segment/filter.js';
export { MISS } from './segment/miss.js';
export { type RangeDelete, type RangeTombstone, rangeAfter } from './segment/range-tombstone.js';
export { auditSegment } from './segment/segment-audit.js';
export { BLOCK_BYTES, SegmentBuilder } from './segment/segment-builder.js';
export { type Cursor, type CursorOptions, SegmentCursor } from './segment/segment-cursor.js';
export {
  type ClearSegmentEntry,
  endsBefore,
  placeSegment,
  type SegmentDescriptor,
  type SegmentEntry,
  STREAM_LEVEL,
  segmentBegin,
} from './segment/segment-entry.js';
export { SMALL_SEGMENT_BYTES, type VerifyOptions } from './segment/segment-object.js';
export { SegmentReader } from './segment/segment-reader.js';
export { SegmentReaders } from './segment/segment-readers.js';
export type { SegmentDeps } from './segment/segment-source.js';
export { hasEntryNear, mayHold } from './segment/segment-source.js';
export {
  decodeStream,
  encodeStream,
  STREAM_BYTES_MAX,
  STREAM_PART_BYTES,
  type StreamDescriptor,
  streamPartBytes,
} from './segment/stream.js';
export type { StreamPart } from './segment/stream-part.js';
export { WindowBudget } from './segment/window-budget.js';
export {
  decodeValue,
  encodeValue,
  encodeValueTo,
  MAX_VALUE_BYTES,
  MAX_VALUE_DEPTH,
  type Value,
} from './value/value.js';
