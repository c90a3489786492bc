/**
 * Our own vectors: what noble wrote once, all providers must write for ever. After a deliberate change of the
 * format, write them anew with HOLDFAST_UPDATE_VECTORS=1.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { describe, expect, test } from 'vitest';
import { hedgedSalt } from './hedged-salt.js';
import { nobleProvider } from './noble-provider.js';
import { nodeProvider } from './node.js';
import { createObjectCipher, type ObjectKind, type SuiteId } from './object-cipher.js';
import type { CryptoProvider } from './provider.js';
import { webCryptoProvider } from './webcrypto-provider.js';

interface Inputs {
  readonly name: string;
  readonly suite: SuiteId;
  readonly epochKey: string;
  readonly kind: ObjectKind;
  readonly databaseId: string;
  readonly objectId: string;
  readonly parent?: string;
  readonly random: string;
  readonly plaintextHash: string;
  readonly chunks: readonly { chunk: number; last: boolean; plaintext: string; aad: string }[];
}

interface Outputs {
  readonly salt: string;
  readonly commitment: string;
  readonly sealed: readonly string[];
}

interface Vector {
  readonly inputs: Inputs;
  readonly outputs: Outputs;
}

const FILE = new URL('../vectors/object-cipher.json', import.meta.url);

function counting(length: number, first: number): string {
  return bytesToHex(Uint8Array.from({ length }, (_, i) => first + i));
}

const PARENTS: Partial<Record<ObjectKind, string>> = { 1: counting(32, 0x80) };
const NAMES: Record<ObjectKind, string> = { 1: 'record', 2: 'segment', 3: 'page', 4: 'intent' };

function inputs(suite: SuiteId, kind: ObjectKind): Inputs {
  const parent = PARENTS[kind];
  return {
    name: `suite ${suite}, ${NAMES[kind]}`,
    suite,
    epochKey: suite === 0 ? '00'.repeat(32) : counting(32, 0x00),
    kind,
    databaseId: counting(16, 0x20),
    objectId: `0000000000000007${counting(16, 0x30)}`,
    ...(parent ? { parent } : {}),
    random: counting(32, 0x40),
    plaintextHash: counting(32, 0x60),
    chunks: [
      { chunk: 0, last: false, plaintext: '', aad: '' },
      { chunk: 1, last: false, plaintext: counting(1, 0xa0), aad: counting(20, 0xb0) },
      { chunk: 0x01020304, last: false, plaintext: counting(16, 0xa0), aad: '' },
      { chunk: 0xffff_ffff, last: true, plaintext: counting(77, 0xa0), aad: counting(1, 0xb0) },
    ],
  };
}

async function compute(provider: CryptoProvider, vector: Inputs): Promise<Outputs> {
  const epochKey = hexToBytes(vector.epochKey);
  const objectId = hexToBytes(vector.objectId);
  const salt = await hedgedSalt(
    provider,
    epochKey,
    hexToBytes(vector.random),
    objectId,
    hexToBytes(vector.plaintextHash),
  );
  const context = {
    kind: vector.kind,
    databaseId: hexToBytes(vector.databaseId),
    objectId,
    parent: vector.parent === undefined ? undefined : hexToBytes(vector.parent),
  };
  const cipher = await createObjectCipher(provider, vector.suite, epochKey, context, salt);
  const sealed: string[] = [];
  for (const { chunk, last, plaintext, aad } of vector.chunks) {
    sealed.push(bytesToHex(await cipher.seal(chunk, last, hexToBytes(plaintext), hexToBytes(aad))));
  }
  return { salt: bytesToHex(salt), commitment: bytesToHex(cipher.commitment), sealed };
}

if (process.env.HOLDFAST_UPDATE_VECTORS) {
  const vectors: Vector[] = [];
  for (const suite of [0, 1] as const) {
    for (const kind of [1, 2, 3, 4] as const) {
      const vector = inputs(suite, kind);
      vectors.push({ inputs: vector, outputs: await compute(nobleProvider, vector) });
    }
  }
  writeFileSync(FILE, `${JSON.stringify(vectors, undefined, 2)}\n`);
}

const vectors = JSON.parse(readFileSync(FILE, 'utf8')) as Vector[];

test('the vectors cover both suites and the four kinds', () => {
  expect(vectors.map((vector) => vector.inputs.name)).toHaveLength(8);
  expect(new Set(vectors.map((vector) => `${vector.inputs.suite} ${vector.inputs.kind}`)).size).toBe(8);
});

describe.each([nobleProvider, webCryptoProvider, nodeProvider])('the $name provider', (provider) => {
  test.each(vectors)('writes the bytes of $inputs.name', async ({ inputs, outputs }) => {
    expect(await compute(provider, inputs)).toEqual(outputs);
  });
});
