/** The content of an intent (FORMAT.md, "Intents"), by the second reading. */
import { NotInFormat, type Num, Put, Take } from './bytes.js';
import {
  inOrder,
  type Lies,
  type Listed,
  putContents,
  putRange,
  putWrite,
  type Range,
  takeContents,
  takeRange,
  takeWriteOf,
  type Write,
} from './layout.js';
import { putReadSet, type ReadSet, takeReadSet } from './read-set.js';

/** A segment as an intent says it: without the place that it gets in a manifest. */
export type Brought = Omit<Listed, 'run' | 'stampVersion' | 'stampOrder'>;

export interface Mutated {
  key: Uint8Array;
  mutations: { kind: Num; operand: Uint8Array }[];
}

export interface Announced {
  readVersion: Num;
  nowMs: Num;
  reads: ReadSet;
  ranges: Range[];
  /** 0 nothing, 1 large writes, 2 the parts of a stream. */
  staged: Num;
  /** Only if something is staged. */
  segments?: Brought[];
  changes: (Write | Mutated)[];
}

export interface Flush {
  after: Num;
  through: Num;
  runs: Brought[][];
}

export interface Content {
  nonce: Uint8Array;
  processId: Uint8Array;
  base: Num;
  recordsMade: Num;
  roundTripMs: Num;
  turnMs: Num;
  losses: Num;
  hasFlush: Num;
  /** Only if there is one. */
  flush?: Flush;
  transactions: Announced[];
}

const FORM_MUTATIONS = 3;

export function readContent(bytes: Uint8Array): Content {
  const take = new Take(bytes);
  const content: Content = {
    nonce: take.raw(16),
    processId: take.raw(16),
    base: take.varint(),
    recordsMade: take.varint(),
    roundTripMs: take.varint(),
    turnMs: take.varint(),
    losses: take.varint(),
    ...takeFlush(take),
    transactions: take.list(() => takeAnnounced(take)),
  };
  take.end();
  return content;
}

function takeFlush(take: Take): Pick<Content, 'hasFlush' | 'flush'> {
  const hasFlush = take.u8();
  if (hasFlush > 1) throw new NotInFormat('expected a flush or none');
  if (hasFlush === 0) return { hasFlush };
  const [after, through] = [take.varint(), take.varint()];
  return { hasFlush, flush: { after, through, runs: take.list(() => take.list(() => takeBrought(take))) } };
}

function takeBrought(take: Take): Brought {
  return {
    id: take.raw(24),
    bytes: take.varint(),
    metaBytes: take.varint(),
    root: take.raw(32),
    epoch: take.varint(),
    ...takeContents(take),
  };
}

function takeAnnounced(take: Take): Announced {
  const head = {
    readVersion: take.varint(),
    nowMs: take.varint(),
    reads: takeReadSet(take),
    ranges: inOrder<Range>(take, (before) => takeRange(take, before, true)),
    staged: take.u8(),
  };
  if (head.staged > 2) throw new NotInFormat('expected staged segments of another kind');
  const segments = head.staged === 0 ? {} : { segments: take.list(() => takeBrought(take)) };
  return {
    ...head,
    ...segments,
    changes: inOrder<Write | Mutated>(take, (before) => takeChange(take, before)),
  };
}

function takeChange(take: Take, before: Write | Mutated | undefined): Write | Mutated {
  const [key, form] = [take.bytes(), take.u8()];
  if (before && Buffer.compare(before.key, key) >= 0) throw new NotInFormat('expected changes in order');
  if (form !== FORM_MUTATIONS) return takeWriteOf(take, key, form);
  const mutations = take.list(() => {
    const kind = take.u8();
    if (kind > 2) throw new NotInFormat('expected add, max or min');
    return { kind, operand: take.bytes() };
  });
  return { key, mutations };
}

export function writeContent(content: Content, lies: Lies = new Map()): Uint8Array {
  const put = new Put(lies);
  put.raw(content.nonce).raw(content.processId).varint(content.base).varint(content.recordsMade);
  put.varint(content.roundTripMs).varint(content.turnMs).varint(content.losses).u8(content.hasFlush);
  const { flush } = content;
  if (flush) {
    put.varint(flush.after).varint(flush.through);
    put.list(flush.runs, (run) => put.list(run, (each) => putBrought(put, each)));
  }
  put.list(content.transactions, (transaction) => putAnnounced(put, transaction));
  return put.done();
}

function putBrought(put: Put, e: Brought): void {
  put.raw(e.id).varint(e.bytes).varint(e.metaBytes).raw(e.root).varint(e.epoch);
  putContents(put, e);
}

function putAnnounced(put: Put, { readVersion, nowMs, reads, ranges, staged, ...rest }: Announced): void {
  putReadSet(put.varint(readVersion).varint(nowMs), reads);
  put.list(ranges, (range) => putRange(put, range));
  put.u8(staged);
  if (rest.segments) put.list(rest.segments, (each) => putBrought(put, each));
  put.list(rest.changes, (change) => {
    if (!('mutations' in change)) return putWrite(put, change);
    put.bytes(change.key).u8(FORM_MUTATIONS);
    put.list(change.mutations, ({ kind, operand }) => put.u8(kind).bytes(operand));
  });
}
