/** The encryption key: a file, the environment, or the explicit wish to have none. Never an argument: `ps` shows those. */
import { UsageError } from './failure.js';
import { readInput } from './input.js';
import { shellQuoted } from './location.js';

export interface KeyOptions {
  readonly keyFile?: string | undefined;
  readonly plaintext?: boolean | undefined;
}

export interface CommandKey {
  readonly key: Uint8Array | 'plaintext';
  /** Where it was found, for messages. */
  readonly source: string;
}

/** A key has 64 characters, and somebody may have put a newline behind it. */
const KEY_FILE_BYTES_MAX = 4096;
/** What a file's group and all others may do with it. */
const MODE_OF_OTHERS = 0o077;

export interface KeyCall {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly platform: NodeJS.Platform;
  /** Told of a key file that is not the user's alone. */
  readonly warn: (text: string) => void;
}

/** The flags win over the environment. */
export async function readKey({ keyFile, plaintext }: KeyOptions, call: KeyCall): Promise<CommandKey> {
  if (keyFile !== undefined && plaintext)
    throw new UsageError('Expected --key-file or --plaintext, found both.');
  if (plaintext) return { key: 'plaintext', source: '--plaintext' };
  if (keyFile !== undefined) return { key: await readKeyFile(keyFile, call), source: keyFile };
  const source = 'HOLDFAST_KEY';
  const text = call.env[source];
  if (text) return { key: parseKeyText(text, source), source };
  throw new UsageError(
    'Expected a key, found none. Set HOLDFAST_KEY (64 hex digits or base64), or give --key-file FILE; `holdfast keygen --out FILE` makes one. A database without encryption needs --plaintext.',
  );
}

async function readKeyFile(path: string, { signal, platform, warn }: KeyCall): Promise<Uint8Array> {
  const what = 'the key file';
  const { bytes, mode } = await readInput(path, { bytesMax: KEY_FILE_BYTES_MAX, signal, what });
  const key = parseKeyText(bytes.toString('latin1'), path);
  // The mode of the file that was read, wherever a symbolic link led to. On Windows it tells nothing of others.
  if (mode !== undefined && platform !== 'win32' && (mode & MODE_OF_OTHERS) !== 0)
    warn(
      `The key file ${path} is open to others on this machine (mode ${(mode & 0o777).toString(8)}): expected 600. Whoever has read it can read and change the database. Run \`chmod 600 ${shellQuoted(path)}\`.`,
    );
  return key;
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
