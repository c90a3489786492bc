import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { expect, test } from 'vitest';
import { hedgedSalt } from './hedged-salt.js';
import { nobleProvider } from './noble-provider.js';
import { nodeProvider } from './node.js';
import type { CryptoProvider } from './provider.js';
import { webCryptoProvider } from './webcrypto-provider.js';

const KEY = new Uint8Array(32).fill(1);
const RANDOM = new Uint8Array(32).fill(2);
const OBJECT_ID = new Uint8Array(24).fill(3);
const HASH = new Uint8Array(32).fill(4);

test('a salt is the MAC that its description says, from every provider', async () => {
  const saltKey = hkdf(sha256, KEY, undefined, utf8ToBytes('holdfast/1 salt'), 32);
  const expected = hmac(sha256, saltKey, concatBytes(RANDOM, OBJECT_ID, HASH));
  for (const provider of [nobleProvider, webCryptoProvider, nodeProvider]) {
    expect(await hedgedSalt(provider, KEY.slice(), RANDOM, OBJECT_ID, HASH)).toEqual(expected);
  }
});

test('a random source that repeats itself still gives each object and each content its own salt', async () => {
  const salts = await Promise.all([
    hedgedSalt(nodeProvider, KEY, RANDOM, OBJECT_ID, HASH),
    hedgedSalt(nodeProvider, KEY, RANDOM, OBJECT_ID, new Uint8Array(32)),
    hedgedSalt(nodeProvider, KEY, RANDOM, new Uint8Array(24), HASH),
    hedgedSalt(nodeProvider, KEY, new Uint8Array(32), OBJECT_ID, HASH),
    hedgedSalt(nodeProvider, new Uint8Array(32), RANDOM, OBJECT_ID, HASH),
  ]);
  expect(new Set(salts.map((salt) => Buffer.from(salt).toString('hex'))).size).toBe(salts.length);
});

test('the salt key is derived once for an epoch key', async () => {
  let derivations = 0;
  const counting: CryptoProvider = {
    ...nodeProvider,
    hkdfSha256(...parameters) {
      derivations++;
      return nodeProvider.hkdfSha256(...parameters);
    },
  };
  const key = KEY.slice();
  const first = await hedgedSalt(counting, key, RANDOM, OBJECT_ID, HASH);
  expect(await hedgedSalt(counting, key, RANDOM, OBJECT_ID, HASH)).toEqual(first);
  expect(derivations).toBe(1);
});

test('inputs of another length are refused', async () => {
  const short = new Uint8Array(5);
  await expect(hedgedSalt(nodeProvider, short, RANDOM, OBJECT_ID, HASH)).rejects.toThrow(
    /^epoch key: .* found 5$/,
  );
  await expect(hedgedSalt(nodeProvider, KEY, short, OBJECT_ID, HASH)).rejects.toThrow(/^random: .* found 5$/);
  await expect(hedgedSalt(nodeProvider, KEY, RANDOM, short, HASH)).rejects.toThrow(/^object id: .* found 5$/);
  await expect(hedgedSalt(nodeProvider, KEY, RANDOM, OBJECT_ID, short)).rejects.toThrow(
    /^plaintext hash: .* found 5$/,
  );
});
