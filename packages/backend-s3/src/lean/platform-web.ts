/** Browsers and workers, and whatever else has what they have. */
import { openFetchHttp } from './fetch-http.js';
import type { Platform } from './platform.js';
import { loadWebSigner } from './web-signer.js';

export const platform: Platform = { openHttp: openFetchHttp, loadSigner: loadWebSigner };
