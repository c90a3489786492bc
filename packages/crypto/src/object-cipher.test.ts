import { gcm } from '@noble/ciphers/aes.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nobleProvider } from './noble-provider.js';
import { nodeProvider } from './node.js';
import {
  CHUNK_OVERHEAD_BYTES,
  createObjectCipher,
  OBJECT_KIND,
  type ObjectCipher,
  type ObjectContext,
  type ObjectKind,
  type SuiteId,
} from './object-cipher.js';
import { webCryptoProvider } from './webcrypto-provider.js';

const PROVIDERS = [nobleProvider, webCryptoProvider, nodeProvider];
const SUITES: SuiteId[] = [0, 1];

const EPOCH_KEY = new Uint8Array(32).fill(0x11);
const SALT = new Uint8Array(32).fill(0x22);
const SEGMENT: ObjectContext = {
  kind: OBJECT_KIND.segment,
  databaseId: new Uint8Array(16).fill(0x33),
  objectId: new Uint8Array(24).fill(0x44),
};
const RECORD: ObjectContext = {
  ...SEGMENT,
  kind: OBJECT_KIND.record,
  parent: new Uint8Array(32).fill(0x55),
};

function openCipher(
  suite: SuiteId,
  context: ObjectContext = SEGMENT,
  salt: Uint8Array = SALT,
): Promise<ObjectCipher> {
  return createObjectCipher(nodeProvider, suite, EPOCH_KEY, context, salt);
}

function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice();
  flipped[bit >> 3]! ^= 1 << (bit & 7);
  return flipped;
}

const exactly = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const contexts: fc.Arbitrary<ObjectContext> = fc
  .record({
    kind: fc.constantFrom<ObjectKind>(1, 2, 3, 4),
    databaseId: exactly(16),
    objectId: exactly(24),
    parent: exactly(32),
  })
  .map((context) => (context.kind === 1 ? context : { ...context, parent: undefined }));
const places = fc.record({ chunk: fc.integer({ min: 0, max: 0xffff_ffff }), last: fc.boolean() });
const texts = fc.uint8Array({ maxLength: 300 });

describe.each(SUITES)('a chunk of suite %i', (suite) => {
  test('opens at its place, whatever provider sealed it', async () => {
    await fc.assert(
      fc.asyncProperty(
        exactly(32),
        contexts,
        exactly(32),
        places,
        texts,
        texts,
        async (epochKey, context, salt, { chunk, last }, plaintext, aad) => {
          const first = await createObjectCipher(nobleProvider, suite, epochKey, context, salt);
          const sealed = await first.seal(chunk, last, plaintext, aad);
          expect(sealed).toHaveLength(plaintext.length + CHUNK_OVERHEAD_BYTES);
          for (const provider of PROVIDERS) {
            const cipher = await createObjectCipher(provider, suite, epochKey, context, salt);
            expect(cipher.overheadBytes).toBe(CHUNK_OVERHEAD_BYTES);
            expect(cipher.commitment).toEqual(first.commitment);
            expect(await cipher.open(chunk, last, sealed, aad)).toEqual(plaintext);
            expect(await cipher.seal(chunk, last, plaintext, aad)).toEqual(sealed);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('does not open with any bit flipped, cut off or added', async () => {
    const cipher = await openCipher(suite);
    const sealed = await cipher.seal(3, false, new Uint8Array(40).fill(7));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      expect(await cipher.open(3, false, flipBit(sealed, bit)), `bit ${bit}`).toBeUndefined();
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(await cipher.open(3, false, sealed.subarray(0, length)), `length ${length}`).toBeUndefined();
    }
    expect(await cipher.open(3, false, concatBytes(sealed, new Uint8Array(1)))).toBeUndefined();
    expect(await cipher.open(3, false, sealed)).toEqual(new Uint8Array(40).fill(7));
  });

  test('does not open at another index, with another last flag or other associated data', async () => {
    await fc.assert(
      fc.asyncProperty(places, places, texts, texts, texts, async (here, there, plaintext, aad, otherAad) => {
        const cipher = await openCipher(suite);
        const sealed = await cipher.seal(here.chunk, here.last, plaintext, aad);
        if (there.chunk !== here.chunk) {
          expect(await cipher.open(there.chunk, here.last, sealed, aad)).toBeUndefined();
        }
        expect(await cipher.open(here.chunk, !here.last, sealed, aad)).toBeUndefined();
        if (Buffer.compare(aad, otherAad) !== 0) {
          expect(await cipher.open(here.chunk, here.last, sealed, otherAad)).toBeUndefined();
        }
        expect(await cipher.open(here.chunk, here.last, sealed, aad)).toEqual(plaintext);
      }),
    );
  });

  test('does not open when a byte moves between plaintext and associated data', async () => {
    const cipher = await openCipher(suite);
    const sealed = await cipher.seal(0, true, Uint8Array.of(2, 3), Uint8Array.of(1));
    expect(await cipher.open(0, true, sealed, Uint8Array.of(1))).toEqual(Uint8Array.of(2, 3));
    expect(await cipher.open(0, true, sealed.subarray(1), Uint8Array.of(1, 2))).toBeUndefined();
    expect(await cipher.open(0, true, concatBytes(Uint8Array.of(1), sealed))).toBeUndefined();
  });

  test('does not open in another object, and the commitment shows it', async () => {
    const one = await openCipher(suite, RECORD);
    const sealed = await one.seal(0, true, Uint8Array.of(1, 2, 3));
    const others: Promise<ObjectCipher>[] = [
      openCipher(suite, SEGMENT),
      openCipher(suite, { ...SEGMENT, kind: OBJECT_KIND.page }),
      openCipher(suite === 0 ? 1 : 0, RECORD),
    ];
    for (let bit = 0; bit < 128; bit++) {
      others.push(openCipher(suite, { ...RECORD, databaseId: flipBit(RECORD.databaseId, bit) }));
    }
    for (let bit = 0; bit < 192; bit++) {
      others.push(openCipher(suite, { ...RECORD, objectId: flipBit(RECORD.objectId, bit) }));
    }
    for (let bit = 0; bit < 256; bit++) {
      others.push(openCipher(suite, { ...RECORD, parent: flipBit(RECORD.parent!, bit) }));
      others.push(openCipher(suite, RECORD, flipBit(SALT, bit)));
    }
    const commitments = new Set([Buffer.from(one.commitment).toString('hex')]);
    for (const other of await Promise.all(others)) {
      expect(await other.open(0, true, sealed)).toBeUndefined();
      commitments.add(Buffer.from(other.commitment).toString('hex'));
    }
    expect(commitments.size).toBe(others.length + 1);
  });

  test('is sealed once: an index that was used is refused, in any order', async () => {
    const cipher = await openCipher(suite);
    const nothing = new Uint8Array(0);
    for (const chunk of [0, 1, 5, 3, 2]) await cipher.seal(chunk, false, nothing);
    for (const chunk of [0, 1, 2, 3, 5]) {
      await expect(cipher.seal(chunk, true, nothing)).rejects.toThrow(/was sealed before/);
    }
    await cipher.seal(4, false, nothing);
    await cipher.seal(6, true, nothing);
    await expect(cipher.seal(4, false, nothing)).rejects.toThrow(/was sealed before/);
  });

  test('has an index from 0 to 2^32-1', async () => {
    const cipher = await openCipher(suite);
    for (const chunk of [-1, 0.5, 2 ** 32, Number.NaN]) {
      await expect(cipher.seal(chunk, false, new Uint8Array(0))).rejects.toThrow(TypeError);
      await expect(cipher.open(chunk, false, new Uint8Array(16))).rejects.toThrow(TypeError);
    }
  });

  test('has a context of fixed lengths', async () => {
    const { parent: _, ...orphan } = RECORD;
    const wrong: [ObjectContext, RegExp][] = [
      [{ ...SEGMENT, databaseId: new Uint8Array(15) }, /^database id: expected 16 bytes, found 15$/],
      [{ ...SEGMENT, objectId: new Uint8Array(25) }, /^object id: expected 24 bytes, found 25$/],
      [{ ...RECORD, parent: new Uint8Array(31) }, /^parent: expected 32 bytes, found 31$/],
      [orphan, /^parent: a record needs/],
      [{ ...RECORD, kind: OBJECT_KIND.page }, /^parent: only a record has one/],
      [{ ...SEGMENT, kind: 5 as ObjectKind }, /^object kind: expected 1 to 4, found 5$/],
    ];
    for (const [context, message] of wrong) {
      const error = await openCipher(suite, context).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(TypeError);
      expect((error as TypeError).message).toMatch(message);
    }
    await expect(openCipher(suite, SEGMENT, new Uint8Array(31))).rejects.toThrow(/^salt: expected 32 bytes/);
  });
});

test('an unknown suite is refused', async () => {
  await expect(openCipher(2 as SuiteId)).rejects.toThrow(/^suite: expected 0 or 1, found 2$/);
});

test('suite 1 demands a 32-byte epoch key, and another one opens nothing', async () => {
  await expect(createObjectCipher(nodeProvider, 1, new Uint8Array(31), SEGMENT, SALT)).rejects.toThrow(
    /^epoch key: expected 32 bytes, found 31$/,
  );
  const one = await openCipher(1);
  const other = await createObjectCipher(nodeProvider, 1, flipBit(EPOCH_KEY, 0), SEGMENT, SALT);
  expect(other.commitment).not.toEqual(one.commitment);
  expect(await other.open(0, true, await one.seal(0, true, Uint8Array.of(1)))).toBeUndefined();
});

test('suite 0 has no key and hides nothing', async () => {
  const cipher = await createObjectCipher(nodeProvider, 0, new Uint8Array(0), SEGMENT, SALT);
  const sealed = await cipher.seal(0, true, Uint8Array.of(1, 2, 3));
  expect(sealed.subarray(0, 3)).toEqual(Uint8Array.of(1, 2, 3));
  expect(await (await openCipher(0)).open(0, true, sealed)).toEqual(Uint8Array.of(1, 2, 3));
});

test('a suite 0 cipher does not follow later changes of the salt it was given', async () => {
  const salt = Buffer.from(SALT);
  const cipher = await openCipher(0, SEGMENT, salt);
  const sealed = await cipher.seal(0, true, Uint8Array.of(1));
  salt.fill(0);
  expect(await cipher.open(0, true, sealed)).toEqual(Uint8Array.of(1));
});

// The derivation once more, written straight from its description.
describe('the format', () => {
  const info = concatBytes(
    utf8ToBytes('holdfast/1 object'),
    Uint8Array.of(1, 1),
    RECORD.databaseId,
    RECORD.objectId,
    RECORD.parent!,
  );
  const chunk = 0x01020304;
  const place = Uint8Array.of(1, 2, 3, 4);
  const plaintext = utf8ToBytes('plaintext');
  const aad = utf8ToBytes('associated data');

  test('of suite 1 is HKDF, then AES-256-GCM under the base nonce XOR the place', async () => {
    const derived = hkdf(sha256, EPOCH_KEY, SALT, info, 76);
    const mask = concatBytes(new Uint8Array(7), Uint8Array.of(1), place);
    const nonce = derived.slice(32, 44).map((byte, i) => byte ^ mask[i]!);
    const cipher = await openCipher(1, RECORD);
    expect(cipher.commitment).toEqual(derived.slice(44));
    expect(await cipher.seal(chunk, true, plaintext, aad)).toEqual(
      gcm(derived.slice(0, 32), nonce, aad).encrypt(plaintext),
    );
  });

  test('of suite 0 is the plaintext and half a hash of all that suite 1 authenticates', async () => {
    const plainInfo = info.slice();
    plainInfo[17] = 0;
    const aadLength = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, aad.length);
    const checksum = sha256(
      concatBytes(
        utf8ToBytes('holdfast/1 plain chunk'),
        plainInfo,
        SALT,
        place,
        Uint8Array.of(1),
        aadLength,
        aad,
        plaintext,
      ),
    ).slice(0, 16);
    const cipher = await openCipher(0, RECORD);
    expect(cipher.commitment).toEqual(
      sha256(concatBytes(utf8ToBytes('holdfast/1 plain commitment'), plainInfo, SALT)),
    );
    expect(await cipher.seal(chunk, true, plaintext, aad)).toEqual(concatBytes(plaintext, checksum));
  });
});
