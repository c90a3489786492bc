/** Bun and Deno: Node's modules are there, and a `fetch` of their own is the better HTTP. */
import { openFetchHttp } from './fetch-http.js';
import { loadNodeSigner } from './node-signer.js';
import type { Platform } from './platform.js';

export const platform: Platform = { openHttp: openFetchHttp, loadSigner: loadNodeSigner };
