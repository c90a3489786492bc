import { KeyringError, type KeyringErrorCode, nobleProvider, OBJECT_KIND } from '@holdfast/crypto';
import { expect, test } from 'vitest';
import { type Envelope, newCipher, openCipher, type Sealing } from './envelope.js';

const envelope: Envelope = {
  kind: OBJECT_KIND.record,
  suite: 1,
  databaseId: new Uint8Array(16),
  objectId: new Uint8Array(24),
  epoch: 0x01000001,
  salt: new Uint8Array(32),
  commitment: new Uint8Array(32),
};

function sealingWith(epochKey: Sealing['epochKey']): Sealing {
  return {
    provider: nobleProvider,
    suite: 1,
    databaseId: envelope.databaseId,
    currentEpoch: 1,
    epochKey,
    random: (length) => new Uint8Array(length),
  };
}

function failing(code: KeyringErrorCode): Sealing {
  return sealingWith(async (epoch) => {
    throw new KeyringError(code, `no key of epoch ${epoch}`);
  });
}

function open(code: KeyringErrorCode): Promise<unknown> {
  return openCipher(failing(code), envelope, envelope.objectId, 'log/x');
}

test('an epoch that the keyring has not makes the object corrupt', async () => {
  await expect(open('CORRUPT')).rejects.toMatchObject({
    name: 'HoldfastError',
    code: 'CORRUPT',
    message: expect.stringMatching(/^log\/x is corrupt: no key of epoch 16777217/),
  });
});

test('a key provider that does not answer makes it unavailable, not corrupt', async () => {
  await expect(open('UNAVAILABLE')).rejects.toMatchObject({
    name: 'HoldfastError',
    code: 'UNAVAILABLE',
    retryable: true,
  });
});

test('sealing says what opening says where there is no key', async () => {
  const sealing = newCipher(
    failing('UNAVAILABLE'),
    OBJECT_KIND.segment,
    envelope.objectId,
    new Uint8Array(32),
  );
  await expect(sealing).rejects.toMatchObject({ name: 'HoldfastError', code: 'UNAVAILABLE' });
});

test('the signal of a read reaches whoever waits for its key', async () => {
  const { signal } = new AbortController();
  const seen: unknown[] = [];
  const sealing = sealingWith(async (_, waiting) => {
    seen.push(waiting);
    throw new KeyringError('UNAVAILABLE', 'away');
  });
  await expect(openCipher(sealing, envelope, envelope.objectId, 'log/x', { signal })).rejects.toThrow('away');
  expect(seen).toEqual([signal]);
});
