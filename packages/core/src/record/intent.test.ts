import { nobleProvider } from '@holdfast/crypto';
import { nodeProvider } from '@holdfast/crypto/node';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter, concatBytes, toHex } from '../object/bytes.js';
import { ENVELOPE_BYTES, newCipher, writeEnvelope } from '../object/envelope.js';
import { HoldfastError } from '../object/errors.js';
import { intentName, parseIntentName } from '../object/names.js';
import { anyIntent, exactly, testSealing } from '../test/record-fixture.js';
import { INTENT_BYTES_MAX, openIntent, sealIntent } from './intent.js';
import { encodeIntent, type Intent } from './intent-body.js';

const { sha256 } = nobleProvider;
const NONCE = new Uint8Array(16).fill(0x77);
const key = (...bytes: number[]): Uint8Array => Uint8Array.of(1, ...bytes);
const small: Intent = {
  processId: new Uint8Array(16).fill(4),
  base: 300,
  recordsMade: 12,
  roundTripMs: 45,
  turnMs: 90,
  losses: 2,
  transactions: [
    {
      readVersion: 299,
      nowMs: 1_790_000_000_000,
      reads: { points: [key(1), key(2)], ranges: [{ begin: key(9), end: undefined }] },
      rangeDeletes: [{ begin: key(20), end: key(30) }],
      changes: [{ key: key(5), mutations: [{ kind: 'max', operand: key(1) }] }],
    },
  ],
};

describe('an intent', () => {
  test('comes back as it was announced, in both suites', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyIntent,
        exactly(16),
        fc.integer({ min: 2 }),
        fc.constantFrom(0 as const, 1 as const),
        async (intent, nonce, k, suite) => {
          const sealing = testSealing(suite);
          const first = await sealIntent(sealing, intent, 'first', nonce);
          expect(first.k).toBe(1);
          expect(await openIntent(sealing, first.bytes, first)).toEqual({ intent, hash: first.hash });
          const { writerId } = first;
          const next = await sealIntent(sealing, intent, { writerId, k }, nonce);
          expect(next).toMatchObject({ writerId, k });
          expect(await openIntent(sealing, next.bytes, next)).toEqual({ intent, hash: next.hash });
        },
      ),
      { numRuns: 150 },
    );
  });

  test('with any byte changed, cut or added is refused by a typed error', async () => {
    for (const suite of [0, 1] as const) {
      const sealing = testSealing(suite);
      const first = await sealIntent(sealing, small, 'first', NONCE);
      const second = await sealIntent(sealing, small, { writerId: first.writerId, k: 2 }, NONCE);
      for (const { bytes, writerId, k } of [first, second]) {
        for (let at = 0; at < bytes.length; at++) {
          const bad = bytes.slice();
          bad[at]! ^= 1 << (at % 8);
          await expect(openIntent(sealing, bad, { writerId, k }), `byte ${at}`).rejects.toBeInstanceOf(
            HoldfastError,
          );
        }
        for (let length = 0; length < bytes.length; length++)
          await expect(
            openIntent(sealing, bytes.subarray(0, length), { writerId, k }),
            `${length} bytes`,
          ).rejects.toMatchObject({ code: 'CORRUPT' });
        await expect(
          openIntent(sealing, concatBytes(bytes, Uint8Array.of(0)), { writerId, k }),
        ).rejects.toMatchObject({ code: 'CORRUPT' });
      }
    }
  });

  test('opens under its own name only, in its own database', async () => {
    const sealing = testSealing(1);
    const { bytes, writerId } = await sealIntent(sealing, small, 'first', NONCE);
    const refused = { code: 'CORRUPT' };
    await expect(openIntent(sealing, bytes, { writerId, k: 2 })).rejects.toMatchObject(refused);
    const other = writerId.map((byte) => byte ^ 1);
    await expect(openIntent(sealing, bytes, { writerId: other, k: 1 })).rejects.toMatchObject(refused);
    const elsewhere = { ...sealing, databaseId: new Uint8Array(16).fill(1) };
    await expect(openIntent(elsewhere, bytes, { writerId, k: 1 })).rejects.toThrow('another database');
  });

  test('begins a writer id that is made of its content: no other first intent has it', async () => {
    const sealing = testSealing(1);
    const first = await sealIntent(sealing, small, 'first', NONCE);
    const plaintext = encodeIntent(small, NONCE);
    expect(toHex(first.writerId)).toBe(toHex(sha256(plaintext)).slice(0, 32));
    const again = await sealIntent(sealing, small, 'first', new Uint8Array(16).fill(0x78));
    expect(again.writerId).not.toEqual(first.writerId);
    await expect(sealIntent(sealing, small, first, NONCE)).rejects.toThrow(RangeError);

    // A key holder that seals another content under the id.
    const changed = encodeIntent({ ...small, base: 301 }, NONCE);
    const objectId = new ByteWriter(24).raw(first.writerId).u64(1).finish();
    const { cipher, envelope } = await newCipher(sealing, 4, objectId, sha256(changed));
    const writer = new ByteWriter();
    writeEnvelope(writer, envelope);
    const sealed = await cipher.seal(0, true, changed, writer.view());
    const bytes = writer.u32(sealed.length).raw(sealed).finish();
    await expect(openIntent(sealing, bytes, first)).rejects.toThrow(
      'a writer id that is made of its content',
    );
  });

  test('never shares a key with another one, even if the random source repeats itself', async () => {
    const salts = new Set<string>();
    const { writerId } = await sealIntent(testSealing(1, 7), small, 'first', NONCE);
    for (const [intent, k] of [
      [small, 2],
      [small, 3],
      [{ ...small, losses: 3 }, 2],
    ] as const) {
      const { bytes } = await sealIntent(testSealing(1, 7), intent, { writerId, k }, NONCE);
      salts.add(toHex(bytes.subarray(52, 84)));
    }
    expect(salts.size).toBe(3);
  });

  test('opens under any epoch that the reader has', async () => {
    const keys = (epoch: number): Uint8Array => new Uint8Array(32).fill(epoch);
    const old = { ...testSealing(1), epochKey: async (epoch: number) => keys(epoch) };
    const { bytes, writerId, hash } = await sealIntent(old, small, 'first', NONCE);
    const rotated = { ...old, currentEpoch: 2 };
    expect(await openIntent(rotated, bytes, { writerId, k: 1 })).toEqual({ intent: small, hash });
  });

  test('is at most INTENT_BYTES_MAX long: no longer one is made, or read', async () => {
    const sealing = { ...testSealing(1), provider: nodeProvider };
    const withValue = (length: number): Intent => ({
      ...small,
      transactions: [
        { ...small.transactions[0]!, changes: [{ key: key(1), value: new Uint8Array(length) }] },
      ],
    });
    const about = INTENT_BYTES_MAX - 4096;
    const nearly = await sealIntent(sealing, withValue(about), 'first', NONCE);
    const room = INTENT_BYTES_MAX - nearly.bytes.length;
    const full = await sealIntent(sealing, withValue(about + room), 'first', NONCE);
    expect(full.bytes.length).toBe(INTENT_BYTES_MAX);
    expect((await openIntent(sealing, full.bytes, full)).hash).toEqual(full.hash);
    await expect(sealIntent(sealing, withValue(about + room + 1), 'first', NONCE)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    const longer = new Uint8Array(INTENT_BYTES_MAX + 1);
    longer.set(full.bytes);
    await expect(openIntent(sealing, longer, full)).rejects.toThrow('expected at most 2097152 bytes');
  });

  test('keeps nothing of its bytes but keys and values', async () => {
    const sealing = testSealing(1);
    const { bytes, writerId } = await sealIntent(sealing, small, 'first', NONCE);
    const { intent, hash } = await openIntent(sealing, bytes, { writerId, k: 1 });
    bytes.fill(0);
    expect(intent).toEqual(small);
    expect(intent.processId.buffer.byteLength).toBe(16);
    expect(hash.buffer.byteLength).toBe(32);
  });

  test('has a clear envelope, a length and a sealed chunk, and nothing else', async () => {
    const { bytes } = await sealIntent(testSealing(1), small, 'first', NONCE);
    const sealedBytes = encodeIntent(small, NONCE).length + 16;
    expect(bytes.length).toBe(ENVELOPE_BYTES + 4 + sealedBytes);
    expect(bytes[4]).toBe(4);
  });
});

describe("an intent's name", () => {
  const writerId = Uint8Array.from({ length: 16 }, (_, i) => 17 * i);

  test('says its writer and its number', () => {
    const name = intentName(writerId, 12);
    expect(name).toBe('int/00112233445566778899aabbccddeeff/12');
    expect(parseIntentName(name)).toEqual({ writerId, k: 12 });
    const last = Number.MAX_SAFE_INTEGER;
    expect(parseIntentName(intentName(writerId, last))).toEqual({ writerId, k: last });
  });

  test.each([
    'int/00112233445566778899aabbccddeeff/0',
    'int/00112233445566778899aabbccddeeff/01',
    'int/00112233445566778899aabbccddeeff/-1',
    'int/00112233445566778899aabbccddeeff/',
    'int/00112233445566778899aabbccddeeff/9007199254740992',
    'int/00112233445566778899aabbccddeeff/99999999999999999',
    'int/00112233445566778899AABBCCDDEEFF/1',
    'int/00112233445566778899aabbccddee/1',
    'int/00112233445566778899aabbccddeeff/1/',
    'xint/00112233445566778899aabbccddeeff/1',
    'int/00112233445566778899aabbccddeeff/1\n',
  ])('is none of ours: %j', (name) => {
    expect(parseIntentName(name)).toBeUndefined();
  });
});
