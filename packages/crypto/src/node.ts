/** The subpath `./node`: the provider on Node's own crypto, for those who name their platform. */
import * as crypto from 'node:crypto';
import { createNodeProvider } from './node-provider.js';
import type { CryptoProvider } from './provider.js';

export const nodeProvider: CryptoProvider = createNodeProvider(crypto);
