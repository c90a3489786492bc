/** Every way in which a store's requests are sent; the tests of stores run over each. */
import { connectLean } from '../connect.js';
import { platform as bunAndDeno } from '../lean/platform-bun-deno.js';
import { platform as web } from '../lean/platform-web.js';
import type { S3StoreOptions } from '../options.js';
import { S3Store, s3Store } from '../s3-store.js';

export interface Client {
  readonly name: string;
  open(options: S3StoreOptions): S3Store;
}

export const clients: readonly Client[] = [
  { name: 'lean', open: (options) => s3Store({ client: 'lean', ...options }) },
  {
    name: 'lean as in Bun and Deno',
    open: (options) => new S3Store(options, (full) => connectLean(full, bunAndDeno)),
  },
  {
    name: 'lean as in workers and browsers',
    open: (options) => new S3Store(options, (full) => connectLean(full, web)),
  },
  { name: 'sdk', open: (options) => s3Store({ client: 'sdk', ...options }) },
];
