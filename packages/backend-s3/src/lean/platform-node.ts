/** Node. */
import { openNodeHttp } from './node-http.js';
import { loadNodeSigner } from './node-signer.js';
import type { Platform } from './platform.js';

export const platform: Platform = { openHttp: openNodeHttp, loadSigner: loadNodeSigner };
