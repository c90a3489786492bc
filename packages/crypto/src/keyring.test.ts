import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createKeyring, type Keyring, type KeyringOptions, openKeyring } from './keyring.js';
import { KeyringError, type KeyringErrorCode } from './keyring-error.js';
import { nobleProvider } from './noble-provider.js';
import { nodeProvider } from './node.js';
import type { KeyProvider, RootKey } from './root-key.js';
import { webCryptoProvider } from './webcrypto-provider.js';

const ROOT = new Uint8Array(32).fill(0xa1);
const DATABASE_ID = new Uint8Array(16).fill(0xd1);

/** A random source that can be replayed: SHA-256 of a seed and a counter. */
function seededRandom(seed: number): (length: number) => Uint8Array {
  let calls = 0;
  return (length) => hkdf(sha256, Uint8Array.of(seed), undefined, Uint8Array.of(calls++), length);
}

/** A KMS in memory: AES-GCM under a root key of its own, so that a ciphertext which was altered rejects. */
function memoryKms(root: number): KeyProvider & { online: boolean; unwraps: number } {
  const nonce = seededRandom(root);
  const gcm = nodeProvider.aesGcm(new Uint8Array(32).fill(root));
  return {
    online: true,
    unwraps: 0,
    async wrap(secret) {
      if (!this.online) throw new Error('connect ECONNREFUSED');
      const iv = nonce(12);
      return Buffer.concat([iv, await (await gcm).seal(iv, secret, new Uint8Array(0))]);
    },
    async unwrap(wrapped) {
      this.unwraps++;
      if (!this.online) throw new Error('connect ECONNREFUSED');
      const secret = await (await gcm).open(wrapped.subarray(0, 12), wrapped.subarray(12), new Uint8Array(0));
      if (!secret) throw Object.assign(new Error('not mine'), { code: 'WRONG_KEY' });
      return secret;
    },
  };
}

/** The worst KMS: XOR with a constant. Nothing is authenticated. */
const XOR_KMS: KeyProvider = {
  wrap: async (secret) => secret.map((byte) => byte ^ 0x5a),
  unwrap: async (wrapped) => wrapped.map((byte) => byte ^ 0x5a),
};

function withRoot(root: RootKey, seed = 1, databaseId: Uint8Array = DATABASE_ID): KeyringOptions {
  return { provider: nodeProvider, root, databaseId, random: seededRandom(seed) };
}

async function seed(options: KeyringOptions, epochs: number): Promise<Keyring> {
  let ring = await createKeyring(options);
  while (ring.currentEpoch < epochs) ring = await ring.rotate();
  return ring;
}

async function keysOf(ring: Keyring): Promise<Uint8Array[]> {
  return Promise.all(ring.epochs.map((epoch) => ring.epochKey(epoch)));
}

async function expectCode(promise: Promise<unknown>, code: KeyringErrorCode): Promise<KeyringError> {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(KeyringError);
  expect((error as KeyringError).code).toBe(code);
  return error as KeyringError;
}

/** Every key that altered bytes still give must be the right one; everything else must be a KeyringError. */
async function expectNoWrongKey(options: KeyringOptions, bytes: Uint8Array, right: readonly Uint8Array[]) {
  let errors = 0;
  try {
    const ring = await openKeyring(options, bytes);
    for (let epoch = 1; epoch <= right.length; epoch++) {
      try {
        expect(await ring.epochKey(epoch)).toEqual(right[epoch - 1]);
      } catch (error) {
        if (!(error instanceof KeyringError)) throw error;
        errors++;
      }
    }
  } catch (error) {
    if (!(error instanceof KeyringError)) throw error;
    errors++;
  }
  expect(errors).toBeGreaterThan(0);
}

const ROOTS: { name: string; root: () => RootKey }[] = [
  { name: 'a raw root key', root: () => ROOT },
  { name: 'a key provider', root: () => memoryKms(1) },
  { name: 'a key provider that authenticates nothing', root: () => XOR_KMS },
];

describe.each(ROOTS)('a keyring under $name', ({ root }) => {
  test('starts with epoch 1, rotates, and gives the same keys when opened again', async () => {
    const options = withRoot(root());
    const first = await createKeyring(options);
    expect([first.currentEpoch, first.epochs]).toEqual([1, [1]]);
    const third = await (await first.rotate()).rotate();
    expect([third.currentEpoch, third.epochs]).toEqual([3, [1, 2, 3]]);
    expect(first.epochs).toEqual([1]);
    const keys = await keysOf(third);
    expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(3);
    expect(await first.epochKey(1)).toEqual(keys[0]);

    const reopened = await openKeyring(withRoot(options.root, 99), third.bytes);
    expect([reopened.currentEpoch, reopened.epochs]).toEqual([3, [1, 2, 3]]);
    expect(await keysOf(reopened)).toEqual(keys);
    expect(reopened.bytes).toEqual(third.bytes);
    const fourth = await reopened.rotate();
    expect(await keysOf(await openKeyring(options, fourth.bytes))).toEqual([
      ...keys,
      await fourth.epochKey(4),
    ]);
  });

  test('gives an error, never a wrong key, for every bit flipped', async () => {
    const options = withRoot(root());
    const ring = await seed(options, 2);
    const keys = await keysOf(ring);
    for (let bit = 0; bit < ring.bytes.length * 8; bit++) {
      const bytes = ring.bytes.slice();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      await expectNoWrongKey(options, bytes, keys);
    }
  });

  test('is CORRUPT when it is cut anywhere or longer than it was', async () => {
    const options = withRoot(root());
    const { bytes } = await seed(options, 2);
    for (let length = 0; length < bytes.length; length++) {
      await expectCode(openKeyring(options, bytes.subarray(0, length)), 'CORRUPT');
    }
    await expectCode(openKeyring(options, Buffer.concat([bytes, Buffer.alloc(1)])), 'CORRUPT');
  });

  test('answers random bytes with a KeyringError', async () => {
    const options = withRoot(root());
    const header = fc.constantFrom([], [1], [1, 1], [1, 2], [1, 2, ...new Array<number>(32).fill(0), 0xff]);
    await fc.assert(
      fc.asyncProperty(header, fc.uint8Array({ maxLength: 400 }), async (start, rest) => {
        const opening = openKeyring(options, Uint8Array.from([...start, ...rest]));
        await expect(opening).rejects.toBeInstanceOf(KeyringError);
      }),
    );
  });

  test('is CORRUPT where the keys of two epochs were swapped', async () => {
    const options = withRoot(root());
    const ring = await seed(options, 2);
    const entryBytes = (ring.bytes.length - 36) / 2;
    const swapped = ring.bytes.slice();
    swapped.set(ring.bytes.subarray(36 + 6, 36 + entryBytes), 36 + entryBytes + 6);
    swapped.set(ring.bytes.subarray(36 + entryBytes + 6), 36 + 6);
    await expectCode(openKeyring(options, swapped), 'CORRUPT');
  });

  test('does not open as the ring of another database', async () => {
    const { root: shared, ...rest } = withRoot(root());
    const { bytes } = await createKeyring({ ...rest, root: shared });
    const other = withRoot(shared, 1, new Uint8Array(16).fill(0xd2));
    // A raw root key commits to the database as well, so there it looks like another root key.
    const code = shared instanceof Uint8Array ? 'WRONG_KEY' : 'CORRUPT';
    await expectCode(openKeyring(other, bytes), code);
  });

  test('drops epochs for good, but never the current one', async () => {
    const options = withRoot(root());
    const ring = await seed(options, 3);
    const left = ring.without([1, 2, 7]);
    expect([left.currentEpoch, left.epochs]).toEqual([3, [3]]);
    await expectCode(left.epochKey(1), 'CORRUPT');
    expect(() => ring.without([3])).toThrow(/epoch 3 is the current one; rotate/);
    const next = await openKeyring(options, (await left.rotate()).bytes);
    expect(next.epochs).toEqual([3, 4]);
    expect(await next.epochKey(3)).toEqual(await ring.epochKey(3));
    expect(ring.epochs).toEqual([1, 2, 3]);
  });

  test('says CORRUPT for an epoch it does not have', async () => {
    const error = await expectCode((await seed(withRoot(root()), 2)).epochKey(3), 'CORRUPT');
    expect(error.message).toBe('keyring: expected epoch 3, found 2 epochs from 1 to 2');
  });

  test('two rings rotated from one have keys of their own', async () => {
    const ring = await createKeyring(withRoot(root()));
    const [left, right] = [await ring.rotate(), await ring.rotate()];
    expect(await left.epochKey(2)).not.toEqual(await right.epochKey(2));
    expect(await left.epochKey(1)).toBe(await right.epochKey(1));
  });

  test('does not show keys in JSON, strings or its bytes', async () => {
    const ring = await seed(withRoot(root()), 2);
    const shown = [JSON.stringify(ring), String(ring), Object.values(ring).map(String).join(' ')].join(' ');
    const hex = Buffer.from(ring.bytes).toString('hex');
    for (const key of [ROOT, ...(await keysOf(ring))]) {
      expect(hex).not.toContain(Buffer.from(key).toString('hex'));
      expect(shown).not.toContain(Array.from(key).join(','));
    }
  });

  test('does not follow later changes of the arrays it was given', async () => {
    const options = withRoot(root());
    const ring = await seed(options, 2);
    const bytes = Buffer.from(ring.bytes);
    const databaseId = Buffer.from(DATABASE_ID);
    const opened = await openKeyring({ ...options, databaseId }, bytes);
    bytes.fill(0);
    databaseId.fill(0);
    expect(await opened.epochKey(1)).toEqual(await ring.epochKey(1));
    expect((await openKeyring(options, (await opened.rotate()).bytes)).currentEpoch).toBe(3);
  });
});

describe('a raw root key', () => {
  test('that is another one is WRONG_KEY', async () => {
    const { bytes } = await seed(withRoot(ROOT), 2);
    for (let bit = 0; bit < 256; bit += 17) {
      const other = ROOT.slice();
      other[bit >> 3]! ^= 1 << (bit & 7);
      await expectCode(openKeyring(withRoot(other), bytes), 'WRONG_KEY');
    }
  });

  test('of another length is a TypeError that names the length and nothing else', async () => {
    for (const length of [0, 16, 31, 33, 64]) {
      const message = `root key: expected 32 bytes, found ${length}`;
      const options = withRoot(new Uint8Array(length));
      await expect(createKeyring(options)).rejects.toThrow(new TypeError(message));
      await expect(openKeyring(options, new Uint8Array(100))).rejects.toThrow(new TypeError(message));
    }
    const hex = { ...withRoot(ROOT), root: 'a1'.repeat(31) };
    const error = await createKeyring(hex).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).not.toContain('a1a1');
  });

  test('on a ring that a key provider made is WRONG_KEY and says so, and the other way round', async () => {
    const byProvider = await createKeyring(withRoot(memoryKms(1)));
    const byRoot = await createKeyring(withRoot(ROOT));
    const one = await expectCode(openKeyring(withRoot(ROOT), byProvider.bytes), 'WRONG_KEY');
    expect(one.message).toMatch(/made with a key provider, opened with a raw root key/);
    const other = await expectCode(openKeyring(withRoot(memoryKms(1)), byRoot.bytes), 'WRONG_KEY');
    expect(other.message).toMatch(/made with a raw 32-byte root key, opened with a key provider/);
  });

  test('gives the same ring from every provider', async () => {
    const [first, ...others] = await Promise.all(
      [nobleProvider, webCryptoProvider, nodeProvider].map((provider) =>
        seed({ ...withRoot(ROOT), provider }, 3),
      ),
    );
    for (const other of others) expect(other.bytes).toEqual(first!.bytes);
  });

  test('commits to itself and the database in the 32 bytes after version and kind', async () => {
    const { bytes } = await createKeyring(withRoot(ROOT));
    const commitment = hkdf(sha256, ROOT, DATABASE_ID, utf8ToBytes('holdfast/1 root commitment'), 32);
    expect(bytes.subarray(0, 36)).toEqual(Uint8Array.from([1, 1, ...commitment, 0, 1]));
    expect(bytes.subarray(36, 42)).toEqual(Uint8Array.of(0, 0, 0, 1, 0, 60));
    expect(bytes).toHaveLength(36 + 6 + 60);
  });
});

describe('a key provider', () => {
  test('is asked once per epoch, and again after a failure', async () => {
    const kms = memoryKms(1);
    const { bytes } = await seed(withRoot(kms), 2);
    expect(kms.unwraps).toBe(0);
    const ring = await openKeyring(withRoot(kms), bytes);
    expect(kms.unwraps).toBe(1);
    kms.online = false;
    const error = await expectCode(ring.epochKey(1), 'UNAVAILABLE');
    expect(error.cause).toEqual(new Error('connect ECONNREFUSED'));
    await expectCode(ring.rotate(), 'UNAVAILABLE');
    kms.online = true;
    const [one, two] = await Promise.all([ring.epochKey(1), ring.epochKey(1)]);
    expect(one).toBe(two);
    expect(await (await ring.rotate()).epochKey(1)).toBe(one);
    expect(kms.unwraps).toBe(3);
  });

  test('with another root key is WRONG_KEY', async () => {
    const { bytes } = await createKeyring(withRoot(memoryKms(1)));
    await expectCode(openKeyring(withRoot(memoryKms(2)), bytes), 'WRONG_KEY');
  });

  test('refusing in its own words is WRONG_KEY, failing is UNAVAILABLE, also when it throws at once', async () => {
    const { bytes } = await createKeyring(withRoot(XOR_KMS));
    const refusals = [
      { code: 'ACCESS_DENIED' },
      { code: 'PERMISSION_DENIED' },
      { name: 'AccessDeniedException' },
      { name: 'IncorrectKeyException' },
    ];
    const failures = [{}, { code: 'ETIMEDOUT' }, { name: 'ThrottlingException' }, { code: 7 }];
    const failing = (fields: object): KeyringOptions =>
      withRoot({
        wrap: XOR_KMS.wrap,
        unwrap: () => {
          throw Object.assign(new Error('no'), fields);
        },
      });
    for (const fields of refusals) await expectCode(openKeyring(failing(fields), bytes), 'WRONG_KEY');
    for (const fields of failures) await expectCode(openKeyring(failing(fields), bytes), 'UNAVAILABLE');
  });

  test('that yields something else than it was given is CORRUPT', async () => {
    const { bytes } = await createKeyring(withRoot(XOR_KMS));
    for (const found of [
      new Uint8Array(48),
      new Uint8Array(47),
      new Uint8Array(0),
      'key' as unknown as Uint8Array,
    ]) {
      const root: KeyProvider = { wrap: XOR_KMS.wrap, unwrap: async () => found };
      await expectCode(openKeyring(withRoot(root), bytes), 'CORRUPT');
    }
  });

  test('that wraps to nothing or to more than a ring can hold is a TypeError', async () => {
    for (const length of [0, 65_536]) {
      const root: KeyProvider = { wrap: async () => new Uint8Array(length), unwrap: XOR_KMS.unwrap };
      await expect(createKeyring(withRoot(root))).rejects.toThrow(`found ${length} bytes`);
    }
  });
});

test('a random source that gives too few bytes is refused', async () => {
  const options: KeyringOptions = { ...withRoot(ROOT), random: () => new Uint8Array(8) };
  await expect(createKeyring(options)).rejects.toThrow(/^random: expected 32 bytes, found 8$/);
});

test('a database id of another length is refused', async () => {
  const options = withRoot(ROOT, 1, new Uint8Array(8));
  await expect(createKeyring(options)).rejects.toThrow(/^database id: expected 16 bytes, found 8$/);
});

test('an error of another copy of this package is known for what it is', async () => {
  const file = './keyring-error.ts?another-copy';
  const other = (await import(/* @vite-ignore */ file)) as { KeyringError: typeof KeyringError };
  expect(other.KeyringError).not.toBe(KeyringError);
  const theirs = new other.KeyringError('CORRUPT', 'bent');
  expect(theirs instanceof KeyringError).toBe(true);
  expect(new KeyringError('CORRUPT', 'bent') instanceof other.KeyringError).toBe(true);
  class Special extends KeyringError {}
  expect(theirs instanceof Special).toBe(false);
  expect(new Special('CORRUPT', 'bent') instanceof KeyringError).toBe(true);
  for (const none of [new Error('bent'), { code: 'CORRUPT' }, 'CORRUPT', null, undefined])
    expect((none as unknown) instanceof KeyringError).toBe(false);
});
