/** What differs between platforms. `#platform` in package.json says which file is whose. */
import type { OpenHttp } from './http.js';
import type { LoadSigner } from './signer.js';

export interface Platform {
  readonly openHttp: OpenHttp;
  readonly loadSigner: LoadSigner;
}
