/** The encryption key: a file, the environment, or the explicit wish to have none. Never an argument: `ps` shows those. */
import { readFile } from 'node:fs/promises';
import { fileFailure, UsageError } from './failure.js';

export interface KeyOptions {
  readonly keyFile?: string | undefined;
  readonly plaintext?: boolean | undefined;
}

export interface CommandKey {
  readonly key: Uint8Array | 'plaintext';
  /** Where it was found, for messages. */
  readonly source: string;
}

/** The flags win over the environment. */
export async function readKey(
  { keyFile, plaintext }: KeyOptions,
  env: Readonly<Record<string, string | undefined>>,
): Promise<CommandKey> {
  if (keyFile !== undefined && plaintext)
    throw new UsageError('Expected --key-file or --plaintext, found both.');
  if (plaintext) return { key: 'plaintext', source: '--plaintext' };
  if (keyFile !== undefined) {
    const text = await readFile(keyFile, 'latin1').catch((error: unknown) => {
      throw fileFailure('read the key file', keyFile, error);
    });
    return { key: parseKeyText(text, keyFile), source: keyFile };
  }
  const source = 'HOLDFAST_KEY';
  if (env[source]) return { key: parseKeyText(env[source], source), source };
  throw new UsageError(
    'Expected a key, found none. Set HOLDFAST_KEY (64 hex digits or base64), or give --key-file FILE; `holdfast keygen --out FILE` makes one. A database without encryption needs --plaintext.',
  );
}

/** 32 bytes as 64 hex digits or as base64 (also its URL-safe form). What is not one is never repeated: it may be half a key. */
export function parseKeyText(text: string, source: string): Uint8Array {
  const key = text.trim();
  if (/^[0-9a-f]{64}$/i.test(key)) return new Uint8Array(Buffer.from(key, 'hex'));
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(key)) return new Uint8Array(Buffer.from(key, 'base64'));
  throw new UsageError(
    `Expected 32 bytes as 64 hex digits or base64 in ${source}, found ${key.length} characters that are neither. \`holdfast keygen\` makes a key.`,
  );
}
