import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { constantTimeEqual } from './constant-time.js';
import { nobleProvider } from './noble-provider.js';
import { nodeProvider } from './node.js';
import { createNodeProvider, type NodeCrypto } from './node-provider.js';
import { webCryptoProvider } from './webcrypto-provider.js';

const PROVIDERS = [nobleProvider, webCryptoProvider, nodeProvider];
const NATIVE = [webCryptoProvider, nodeProvider];

const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
const exactly = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

describe('the native providers agree with noble', () => {
  test('on hashes and MACs of any parts', () => {
    fc.assert(
      fc.property(fc.array(bytes(1500), { maxLength: 5 }), bytes(200), (parts, key) => {
        for (const provider of NATIVE) {
          expect(provider.sha256(...parts)).toEqual(nobleProvider.sha256(...parts));
          expect(provider.hmacSha256(key, ...parts)).toEqual(nobleProvider.hmacSha256(key, ...parts));
        }
      }),
    );
  });

  test('on derived keys of any length', async () => {
    await fc.assert(
      fc.asyncProperty(
        bytes(80),
        bytes(80),
        bytes(120),
        fc.integer({ min: 1, max: 400 }),
        async (ikm, salt, info, length) => {
          const expected = await nobleProvider.hkdfSha256(ikm, salt, info, length);
          expect(expected).toHaveLength(length);
          for (const provider of NATIVE) {
            expect(await provider.hkdfSha256(ikm, salt, info, length)).toEqual(expected);
          }
        },
      ),
    );
  });

  test('on ciphertexts, and open what the others sealed', async () => {
    await fc.assert(
      fc.asyncProperty(
        exactly(32),
        exactly(12),
        bytes(600),
        bytes(100),
        async (key, nonce, plaintext, aad) => {
          const sealed = await (await nobleProvider.aesGcm(key)).seal(nonce, plaintext, aad);
          expect(sealed).toHaveLength(plaintext.length + 16);
          for (const provider of PROVIDERS) {
            const gcm = await provider.aesGcm(key);
            expect(await gcm.seal(nonce, plaintext, aad)).toEqual(sealed);
            expect(await gcm.open(nonce, sealed, aad)).toEqual(plaintext);
          }
        },
      ),
    );
  });

  test('where the platform has no one-shot hash', async () => {
    const { hash: _, ...without } = await import('node:crypto');
    const provider = createNodeProvider(without as unknown as NodeCrypto);
    const parts = [new Uint8Array([1, 2]), new Uint8Array(3000)];
    expect(provider.sha256(...parts)).toEqual(nobleProvider.sha256(...parts));
  });
});

describe.each(PROVIDERS)('the $name provider', (provider) => {
  test('takes the inputs as they are at the call, views and Buffers included, and gives plain arrays', async () => {
    const key = Buffer.alloc(32, 1);
    const nonce = Buffer.alloc(13, 2).subarray(1);
    const plaintext = new Uint8Array(100).fill(3).subarray(7, 47);
    const gcm = await provider.aesGcm(key);
    key.fill(9);
    const sealed = await gcm.seal(nonce, plaintext, Buffer.from('aad'));
    const expected = await (await nobleProvider.aesGcm(new Uint8Array(32).fill(1))).seal(
      new Uint8Array(12).fill(2),
      new Uint8Array(40).fill(3),
      new TextEncoder().encode('aad'),
    );
    expect(sealed).toEqual(expected);
    const opened = await gcm.open(nonce, Buffer.from(sealed), Buffer.from('aad'));
    const results = [
      sealed,
      opened!,
      provider.sha256(plaintext),
      provider.sha256(new Uint8Array(5000), plaintext),
      provider.hmacSha256(key, plaintext),
      await provider.hkdfSha256(key, nonce, plaintext, 76),
    ];
    for (const result of results) expect(Object.getPrototypeOf(result)).toBe(Uint8Array.prototype);
  });

  test('does not change its inputs', async () => {
    const [key, nonce, data] = [
      new Uint8Array(32).fill(1),
      new Uint8Array(12).fill(2),
      new Uint8Array(50).fill(3),
    ];
    const gcm = await provider.aesGcm(key);
    const sealed = await gcm.seal(nonce, data, data);
    const copy = sealed.slice();
    await gcm.open(nonce, sealed, data);
    await provider.hkdfSha256(key, nonce, data, 40);
    provider.hmacSha256(key, data);
    provider.sha256(key, data);
    expect(sealed).toEqual(copy);
    expect([key, nonce, data]).toEqual([
      new Uint8Array(32).fill(1),
      new Uint8Array(12).fill(2),
      new Uint8Array(50).fill(3),
    ]);
  });

  test('refuses keys, nonces and lengths that do not fit, naming what it found', async () => {
    await expect(provider.aesGcm(new Uint8Array(16))).rejects.toThrow(
      new TypeError('AES-256 key: expected 32 bytes, found 16'),
    );
    const gcm = await provider.aesGcm(new Uint8Array(32));
    const nonce = new Uint8Array(16);
    const nothing = new Uint8Array(0);
    const wrongNonce = new TypeError('GCM nonce: expected 12 bytes, found 16');
    await expect(gcm.seal(nonce, nothing, nothing)).rejects.toThrow(wrongNonce);
    await expect(gcm.open(nonce, new Uint8Array(20), nothing)).rejects.toThrow(wrongNonce);
    for (const length of [0, -1, 8161, 1.5, Number.NaN]) {
      await expect(provider.hkdfSha256(nonce, nonce, nonce, length)).rejects.toThrow(TypeError);
    }
    expect(await provider.hkdfSha256(nonce, nonce, nonce, 8160)).toHaveLength(8160);
  });
});

describe('the default provider', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  async function choice(globals: { process?: unknown; crypto?: unknown }): Promise<string> {
    vi.resetModules();
    for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
    const { defaultProvider } = await import('./default-provider.js');
    expect(defaultProvider()).toBe(defaultProvider());
    return defaultProvider().name;
  }

  test('is node:crypto where the platform has it', async () => {
    expect(await choice({})).toBe('node');
  });

  test('is WebCrypto where there is no process, or one that gives no modules', async () => {
    expect(await choice({ process: undefined })).toBe('webcrypto');
    expect(await choice({ process: {} })).toBe('webcrypto');
    expect(await choice({ process: { getBuiltinModule: () => undefined } })).toBe('webcrypto');
  });

  test('is WebCrypto where node:crypto is there but does not work', async () => {
    const unimplemented = {
      createCipheriv: () => {
        throw new Error('not implemented');
      },
    };
    expect(await choice({ process: { getBuiltinModule: () => unimplemented } })).toBe('webcrypto');
  });

  test('is noble where there is neither', async () => {
    expect(await choice({ process: undefined, crypto: undefined })).toBe('noble');
    expect(await choice({ process: undefined, crypto: {} })).toBe('noble');
  });
});

test('only the subpath ./node imports from node:', () => {
  const folder = new URL('.', import.meta.url);
  const importers = readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .filter((file) => /from 'node:/.test(readFileSync(new URL(file, folder), 'utf8')));
  expect(importers).toEqual(['node.ts']);
});

test('WebCrypto that is missing says what to do', async () => {
  vi.stubGlobal('crypto', undefined);
  try {
    await expect(webCryptoProvider.aesGcm(new Uint8Array(32))).rejects.toThrow(/use nobleProvider/);
  } finally {
    vi.unstubAllGlobals();
  }
});

test('constantTimeEqual is equality of bytes', () => {
  fc.assert(
    fc.property(bytes(40), bytes(40), fc.nat(), (a, b, position) => {
      expect(constantTimeEqual(a, b)).toBe(Buffer.compare(a, b) === 0);
      expect(constantTimeEqual(a, a.slice())).toBe(true);
      if (a.length > 0) {
        const changed = a.slice();
        changed[position % a.length]! ^= 1 << (position & 7);
        expect(constantTimeEqual(a, changed)).toBe(false);
      }
    }),
  );
});
