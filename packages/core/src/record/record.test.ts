import { readFileSync, writeFileSync } from 'node:fs';
import { nobleProvider, OBJECT_KIND } from '@holdfast/crypto';
import { nodeProvider } from '@holdfast/crypto/node';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeKey } from '../key/key.js';
import { Manifest } from '../manifest/manifest.js';
import { CompactRange, leafHash } from '../merkle/merkle.js';
import { toHex } from '../object/bytes.js';
import type { Sealing } from '../object/envelope.js';
import { HoldfastError } from '../object/errors.js';
import { anyBytes, anyRanges, anyTurn, anyWrite, exactly, testSealing } from '../test/record-fixture.js';
import { encodeValue } from '../value/value.js';
import { decodeRecordHeader, encodeRecord, type LogRecord, openRecord, type RecordClear } from './record.js';
import { RECORD_BYTES_MAX, type RecordBody } from './record-body.js';

const { sha256 } = nobleProvider;

const hashOf = (n: number): Uint8Array => sha256(Uint8Array.of(n >> 8, n & 255));

function historyOf(version: number): CompactRange {
  let range = CompactRange.empty;
  for (let n = 1; n < version; n++) range = range.append(sha256, leafHash(sha256, hashOf(n)));
  return range;
}

function clearOf(version: number, more: Partial<RecordClear> = {}): RecordClear {
  const manifest = Manifest.empty(sha256);
  return {
    version,
    parent: hashOf(version - 1),
    flushedThrough: 0,
    floor: 1,
    tiledThrough: 0,
    graceMs: 86_400_000,
    history: historyOf(version),
    keyring: new Uint8Array(0),
    manifestRoot: manifest.root,
    manifestSection: manifest.section,
    extensions: {},
    ...more,
  };
}

const COMMIT_ID = new Uint8Array(16).fill(0xc1);

const emptyBody: RecordBody = {
  writerId: new Uint8Array(16).fill(0x3a),
  timeMs: 1_790_000_000_000,
  behindMs: 0,
  contended: false,
  successor: undefined,
  turns: [],
  stores: [],
  transactions: [],
  intents: { floor: 0, decided: [] },
  carry: { refs: [], ranges: [], entries: [] },
};

async function read(s: Sealing, bytes: Uint8Array, version: number): Promise<LogRecord> {
  return openRecord(s, decodeRecordHeader(sha256, bytes, version));
}

const extensions = fc.record(
  {
    policy: fc.record({
      tier: fc.constantFrom(0, 1, 3),
      everyCommits: fc.constant(0),
      anchors: fc.constantFrom([], [Uint8Array.of(1)], [Uint8Array.of(1), Uint8Array.of(1, 0)]),
    }),
    signers: fc.array(
      fc.record({
        publicKey: fc.constant(new Uint8Array(32).fill(6)),
        from: fc.constant(1),
        until: fc.nat().map((n) => n + 1),
      }),
      { minLength: 1, maxLength: 1 },
    ),
    retiredEpochs: fc.constantFrom([1], [1, 2, 9]),
    others: fc.constantFrom([{ type: 5, bytes: Uint8Array.of(7) }], [{ type: 77, bytes: new Uint8Array(0) }]),
  },
  { requiredKeys: [] },
);
const decided = fc.uniqueArray(fc.nat(255), { maxLength: 3 }).map((ids) =>
  ids
    .sort((a, b) => a - b)
    .map((id) => ({
      writerId: new Uint8Array(16).fill(id),
      k: 1 + id,
      hash: hashOf(id),
      version: 1,
      verdicts: [{ kind: 'committed' as const, order: id }, { kind: 'void' as const }],
    })),
);

/** Any record a writer could make at `version`. */
const record = fc.integer({ min: 1, max: 70 }).chain((version) =>
  fc.record({
    version: fc.constant(version),
    flushedThrough: fc.integer({ min: 0, max: Math.floor((version - 1) / 2) }),
    floor: fc.integer({ min: 1, max: version }),
    keyring: anyBytes(60),
    timeMs: fc.maxSafeNat(),
    behindMs: fc.nat(9),
    contended: fc.boolean(),
    successor: fc.option(fc.constant(new Uint8Array(16).fill(8)), { nil: undefined }),
    turns: fc.array(anyTurn, { maxLength: 3 }),
    graceMs: fc.maxSafeNat(),
    extensions,
    decided,
    ranges: anyRanges,
    stores: fc.array(fc.uint8Array({ minLength: 8, maxLength: 8 }), { maxLength: 3 }),
    transactions: fc.array(
      fc.record({
        readVersion: fc.integer({ min: 0, max: version - 1 }),
        bulkRun: fc.nat(),
        rangeDeletes: anyRanges,
        writes: fc.array(anyWrite, { maxLength: 5 }),
      }),
      { maxLength: 4 },
    ),
    holders: fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: 3 }),
    holder: fc.record({ hash: exactly(32), bytes: fc.nat(RECORD_BYTES_MAX) }),
    carried: fc.array(fc.tuple(anyWrite, fc.integer({ min: 1, max: 70 }), fc.nat(5000)), { maxLength: 5 }),
  }),
);

describe('a record', () => {
  test('is at most RECORD_BYTES_MAX long: no longer one is made, or read', async () => {
    const s = { ...testSealing(0), provider: nodeProvider };
    const withValue = (length: number): RecordBody => ({
      ...emptyBody,
      transactions: [
        { readVersion: 0, bulkRun: 0, writes: [{ key: Uint8Array.of(1), value: new Uint8Array(length) }] },
      ],
    });
    const about = RECORD_BYTES_MAX - 4096;
    const { bytes: nearly } = await encodeRecord(s, clearOf(1), withValue(about), COMMIT_ID);
    const room = RECORD_BYTES_MAX - nearly.length;
    const { bytes: full } = await encodeRecord(s, clearOf(1), withValue(about + room), COMMIT_ID);
    expect(full.length).toBe(RECORD_BYTES_MAX);
    expect(decodeRecordHeader(nodeProvider.sha256, full, 1).bytes).toBe(RECORD_BYTES_MAX);
    await expect(encodeRecord(s, clearOf(1), withValue(about + room + 1), COMMIT_ID)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    const longer = new Uint8Array(RECORD_BYTES_MAX + 1);
    longer.set(full);
    expect(() => decodeRecordHeader(nodeProvider.sha256, longer, 1)).toThrow(
      'expected at most 33554432 bytes',
    );
  });

  test('is not kept in memory by what a state keeps of it', async () => {
    const s = testSealing(1);
    const body: RecordBody = {
      ...emptyBody,
      stores: [new Uint8Array(8).fill(3)],
      carry: { refs: [{ version: 5, hash: hashOf(5), bytes: 700 }], ranges: [], entries: [] },
    };
    const clear = clearOf(7, { keyring: new Uint8Array(90).fill(4) });
    const { bytes } = await encodeRecord(s, clear, body, COMMIT_ID);
    const opened = await read(s, bytes, 7);
    bytes.fill(0);
    expect(opened).toMatchObject({ parent: clear.parent, keyring: clear.keyring, commitId: COMMIT_ID });
    const { writerId, stores, carry } = opened.body;
    const kept = [opened.hash, opened.parent, opened.keyring, opened.manifestRoot, opened.commitId];
    kept.push(...opened.history.hashes, writerId, ...stores, ...carry.refs.map((ref) => ref.hash));
    for (const each of kept) expect(each.buffer.byteLength).toBe(each.length);
  });

  test('names no holder that is longer than records are', async () => {
    const s = testSealing(0);
    const holder = { version: 1, hash: hashOf(1), bytes: RECORD_BYTES_MAX + 1 };
    const body = { ...emptyBody, carry: { refs: [holder], ranges: [], entries: [] } };
    const { bytes } = await encodeRecord(s, clearOf(2), body, COMMIT_ID);
    await expect(read(s, bytes, 2)).rejects.toThrow('expected a holder of at most');
  });

  test('comes back as it was written, in both suites', async () => {
    await fc.assert(
      fc.asyncProperty(record, fc.constantFrom(0 as const, 1 as const), async (r, suite) => {
        const refs = r.holders
          .filter((v) => v > r.flushedThrough && v < r.version)
          .sort((a, b) => a - b)
          .map((version) => ({ version, ...r.holder }));
        const from = refs.at(-1)?.version ?? r.flushedThrough;
        const entries = r.carried.map(([w, v, order]) => ({ ...w, version: v, order }));
        const body: RecordBody = {
          ...emptyBody,
          timeMs: r.timeMs,
          behindMs: Math.min(r.behindMs, r.timeMs),
          contended: r.contended,
          successor: r.successor,
          turns: r.turns,
          stores: r.stores,
          transactions: r.transactions,
          intents: { floor: 0, decided: r.decided },
          carry: {
            refs,
            ranges:
              from + 1 < r.version
                ? r.ranges.map((range, order) => ({ ...range, version: from + 1, order }))
                : [],
            entries: entries.filter(({ version }) => version > from && version < r.version),
          },
        };
        const { flushedThrough, floor, keyring, graceMs, extensions } = r;
        const clear = clearOf(r.version, {
          flushedThrough,
          floor,
          keyring,
          graceMs,
          extensions: extensions as RecordClear['extensions'],
        });
        const s = testSealing(suite);
        const encoded = await encodeRecord(s, clear, body, COMMIT_ID);
        const found = await read(s, encoded.bytes, r.version);
        expect(found.hash).toEqual(encoded.hash);
        expect(found.body).toEqual(body);
        expect(found).toMatchObject({ ...clear, history: clear.history, commitId: COMMIT_ID });
      }),
      { numRuns: 60 },
    );
  });

  test('with any byte changed, cut or added is refused by a typed error', async () => {
    const s = testSealing(1);
    const key = encodeKey('secret');
    const body = {
      ...emptyBody,
      transactions: [{ readVersion: 4, bulkRun: 0, writes: [{ key, value: key }] }],
    };
    const { bytes: good } = await encodeRecord(
      s,
      clearOf(5, { keyring: Uint8Array.of(1, 2, 3) }),
      body,
      COMMIT_ID,
    );
    for (let at = 0; at < good.length; at++) {
      const bad = good.slice();
      bad[at]! ^= 1 << (at % 8);
      await expect(read(s, bad, 5), `byte ${at}`).rejects.toBeInstanceOf(HoldfastError);
    }
    for (let length = 0; length < good.length; length++)
      await expect(read(s, good.subarray(0, length), 5), `${length} bytes`).rejects.toBeInstanceOf(
        HoldfastError,
      );
    await expect(read(s, Uint8Array.of(...good, 0), 5)).rejects.toMatchObject({ code: 'CORRUPT' });
    await expect(read(s, good, 6)).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  test('whose clear part was changed and hashed anew fails authentication', async () => {
    const s = testSealing(1);
    const { bytes: good } = await encodeRecord(s, clearOf(5), emptyBody, COMMIT_ID);
    for (const at of [116, 148 + 7, 156 + 7, 172 + 7, 190]) {
      const bad = good.slice();
      bad[at]! ^= 1;
      bad.set(sha256(bad.subarray(0, -32)), bad.length - 32);
      await expect(read(s, bad, 5), `byte ${at}`).rejects.toMatchObject({ code: 'CORRUPT' });
    }
  });

  test('with a body that a key holder made wrongly is refused, and never crashes a reader', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(), async (noise, at) => {
        const s = testSealing(0);
        const body = {
          ...emptyBody,
          transactions: [{ readVersion: 4, bulkRun: 0, writes: [{ key: noise, value: noise }] }],
          carry: {
            refs: [{ version: 2, hash: hashOf(2), bytes: 9 }],
            entries: [{ key: noise, value: noise, version: 3, order: 0 }],
          },
        };
        const good = await encodeRecord(s, clearOf(5), body, COMMIT_ID);
        const header = decodeRecordHeader(sha256, good.bytes, 5);
        const { createObjectCipher } = await import('@holdfast/crypto');
        const { databaseId, objectId, salt } = header.envelope;
        const context = { kind: OBJECT_KIND.record, databaseId, objectId, parent: header.parent };
        const cipher = await createObjectCipher(nobleProvider, 0, await s.epochKey(0), context, salt);
        const plaintext = header.sealedBody.slice(0, -16);
        plaintext.set(
          noise.subarray(0, 8),
          at % plaintext.length > plaintext.length - 8 ? 0 : at % plaintext.length,
        );
        const sealedBody = await cipher.seal(0, true, plaintext, header.clearBytes);
        const result = await openRecord(s, { ...header, sealedBody }).catch((error: unknown) => error);
        if (result instanceof Error) expect(result).toMatchObject({ code: 'CORRUPT' });
      }),
      { numRuns: 300 },
    );
  });

  test('never shares a key with another one, even if the random source repeats itself', async () => {
    const manifest = { manifestRoot: hashOf(3), manifestSection: Uint8Array.of(1, 0, 0) };
    const clears = [
      clearOf(5),
      clearOf(5, { floor: 2 }),
      clearOf(5, { flushedThrough: 1 }),
      clearOf(5, { keyring: Uint8Array.of(1) }),
      clearOf(5, { parent: hashOf(9) }),
      clearOf(5, manifest),
      clearOf(5, { graceMs: 1 }),
      clearOf(5, { extensions: { retiredEpochs: [1] } }),
    ];
    const bodies = [emptyBody, { ...emptyBody, timeMs: emptyBody.timeMs + 1 }];
    const salts = new Set<string>();
    for (const clear of clears)
      for (const body of bodies) {
        const { bytes: encoded } = await encodeRecord(testSealing(1, 7), clear, body, COMMIT_ID);
        salts.add(toHex(encoded.subarray(52, 84)));
      }
    expect(salts.size).toBe(clears.length * bodies.length);
  });

  test('with a critical extension that nobody knows is refused, one that is not is kept', async () => {
    const withArea = async (area: readonly number[]): Promise<LogRecord> => {
      const s = testSealing(0);
      const { bytes: good } = await encodeRecord(s, clearOf(1), emptyBody, COMMIT_ID);
      const header = decodeRecordHeader(sha256, good, 1);
      const { createObjectCipher } = await import('@holdfast/crypto');
      const { databaseId, objectId, salt } = header.envelope;
      const context = { kind: OBJECT_KIND.record, databaseId, objectId, parent: header.parent };
      const cipher = await createObjectCipher(nobleProvider, 0, await s.epochKey(0), context, salt);
      const clear = Uint8Array.of(...header.clearBytes.subarray(0, -1), ...area);
      const sealedBody = await cipher.seal(0, true, header.sealedBody.slice(0, -16), clear);
      const head = Uint8Array.of(...clear, 0, 0, 0, sealedBody.length, ...sealedBody);
      return read(s, Uint8Array.of(...head, ...sha256(head)), 1);
    };
    await expect(withArea([1, 9, 1, 0])).rejects.toMatchObject({ code: 'UNSUPPORTED_FORMAT' });
    expect((await withArea([1, 9, 0, 1, 42])).extensions.others).toEqual([
      { type: 9, bytes: Uint8Array.of(42) },
    ]);
    for (const wrong of [
      [2, 9, 0, 0, 9, 0, 0],
      [2, 9, 0, 0, 8, 0, 0],
      [1, 9, 2, 0],
      [1, 1, 0, 3, 0, 0, 0],
      [1, 1, 1, 3, 4, 0, 0],
      [1, 1, 1, 4, 0, 0, 0, 0],
      [1, 4, 1, 1, 0],
      [65],
    ])
      await expect(withArea(wrong), String(wrong)).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  test('sealed under another epoch than the newest of its keyring is refused', async () => {
    const { bytes: old } = await encodeRecord(testSealing(1), clearOf(3), emptyBody, COMMIT_ID);
    const rotated = { ...testSealing(1), currentEpoch: 2 };
    await expect(read(rotated, old, 3)).rejects.toThrow(/newest epoch of its keyring, 2, found epoch 1/);
  });

  test('of an unknown format version says so', async () => {
    const { bytes: good } = await encodeRecord(testSealing(0), clearOf(1), emptyBody, COMMIT_ID);
    const bad = good.slice();
    bad[5] = 3;
    bad.set(sha256(bad.subarray(0, -32)), bad.length - 32);
    expect(() => decodeRecordHeader(sha256, bad, 1)).toThrow(/format 3.*reads format 2/);
  });
});

test("FORMAT.md's worked example is what the code writes", async () => {
  const value = encodeValue(42);
  const key = Uint8Array.of(1, ...encodeKey('hi'));
  const clear = clearOf(2);
  const body = { ...emptyBody, transactions: [{ readVersion: 1, bulkRun: 0, writes: [{ key, value }] }] };
  const { bytes: encoded } = await encodeRecord(testSealing(0), clear, body, COMMIT_ID);
  const parts: [string, number][] = [
    ['magic, kind 1, format 2, suite 0, zero', 8],
    ['database id', 16],
    ['object id: version 2,', 8],
    ['… commit id', 16],
    ['key epoch 0', 4],
    ['salt', 32],
    ['key commitment', 32],
    ['parent', 32],
    ['flushed through 0', 8],
    ['floor 1', 8],
    ['tiled through 0', 8],
    ['grace period 86,400,000 ms', 8],
    ['history: one subtree, record 1', 32],
    ['keyring: empty', 1],
    ['manifest root: of the empty tree', 32],
    ['manifest section: next run 1, no pages', 3],
    ['extensions: none', 1],
    ['sealed body: its size', 4],
    ['writer id', 16],
    ['time', 6],
    ['not behind, no flags, no turns, no stores', 4],
    ['one transaction: read version 1, no bulk run, no ranges, one write', 5],
    ['key: user space, string "hi"', 6],
    ['a value of 2 bytes: MessagePack, 42', 4],
    ['intents: floor 0, none', 2],
    ['no holders, carried ranges or entries', 3],
    ['checksum (suite 1: tag)', 16],
    ['hash', 32],
  ];
  const lines: string[] = [];
  let at = 0;
  for (const [name, length] of parts) {
    const hex = toHex(encoded.subarray(at, at + length));
    const rows = hex.match(/.{1,32}/g)!.map((row) => row.match(/../g)!.join(' '));
    for (const [i, row] of rows.entries())
      lines.push(`${String(at + 16 * i).padStart(3)}  ${row.padEnd(47)}  ${i === 0 ? name : ''}`.trimEnd());
    at += length;
  }
  expect(at).toBe(encoded.length);
  const example = `\`\`\`\n${lines.join('\n')}\n\`\`\`\n`;
  const file = new URL('../../../../FORMAT.md', import.meta.url);
  const text = readFileSync(file, 'utf8');
  const [before, , after] = text.split(
    /(<!-- worked example: begin -->\n[\s\S]*<!-- worked example: end -->)/,
  );
  const expected = `${before}<!-- worked example: begin -->\n${example}<!-- worked example: end -->${after}`;
  if (process.env.HOLDFAST_UPDATE_VECTORS === '1') writeFileSync(file, expected);
  else expect(text).toBe(expected);
});
