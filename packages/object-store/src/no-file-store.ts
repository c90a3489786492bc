/**
 * What the subpath `./file` is where package.json's export conditions say that there is no file system: in browsers
 * and workers. So bundles for them hold nothing of Node's, and whoever opens a folder there is told why it fails.
 *
 * Invariant: the same names are exported as by file.ts, whose types stand for both.
 */
import type { FileStore as RealFileStore } from './file.js';

export const FileStore: typeof RealFileStore = class {
  constructor() {
    throw new TypeError(
      'No file system here: a folder can be opened in Node, Bun and Deno, and this code was made for a browser or a worker (by the export conditions browser, worker, workerd or edge-light). Use memory:, an S3-like store, or an ObjectStore of your own.',
    );
  }
} as unknown as typeof RealFileStore;
