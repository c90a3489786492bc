/**
 * Picks the fastest provider that the platform has, without importing anything that a platform may lack.
 */

import { nobleProvider } from './noble-provider.js';
import { createNodeProvider, type NodeCrypto, nodeCryptoWorks } from './node-provider.js';
import type { CryptoProvider } from './provider.js';
import { webCryptoProvider } from './webcrypto-provider.js';

let chosen: CryptoProvider | undefined;

/** node:crypto where it works, else WebCrypto, else noble. The same provider on every call. */
export function defaultProvider(): CryptoProvider {
  chosen ??= choose();
  return chosen;
}

interface ProcessLike {
  // Node 20.16 and 22.3, Bun, Deno: gives built-in modules without an import.
  getBuiltinModule?(id: string): object | undefined;
}

function choose(): CryptoProvider {
  const process = (globalThis as { process?: ProcessLike }).process;
  const crypto = process?.getBuiltinModule?.('node:crypto') as NodeCrypto | undefined;
  if (crypto && nodeCryptoWorks(crypto)) return createNodeProvider(crypto);
  return globalThis.crypto?.subtle ? webCryptoProvider : nobleProvider;
}
