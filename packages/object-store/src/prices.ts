/**
 * List prices, for estimates only: before any free tier, discount or tax, and of one region where they differ.
 * Edit a copy where yours are others. `undefined` is "not looked up", never "free".
 */
import type { RequestClass } from './object-store.js';

export interface Prices {
  /** Year and month in which the vendor's price list was read. */
  readonly asOf: string;
  readonly provider: string;
  /** US dollars for a million requests. */
  readonly perMillion: Readonly<Record<RequestClass, number | undefined>>;
  /** US dollars for 10^9 bytes that leave the provider's network. */
  readonly egressPerGB: number | undefined;
  /** US dollars for 10^9 bytes kept for a month. */
  readonly storagePerGBMonth: number;
}

const asOf = '2026-11';

export const prices: Readonly<
  Record<
    'awsS3Standard' | 'awsS3Express' | 'cloudflareR2' | 'googleCloudStorage' | 'backblazeB2' | 'wasabi',
    Prices
  >
> = {
  awsS3Standard: {
    asOf,
    provider: 'AWS S3 Standard, us-east-1',
    perMillion: { read: 0.4, write: 5, list: 5, delete: 0 },
    egressPerGB: 0.09,
    storagePerGBMonth: 0.023,
  },
  awsS3Express: {
    asOf,
    provider: 'AWS S3 Express One Zone (without its charge per GB uploaded and read)',
    perMillion: { read: 0.03, write: 1.13, list: 1.13, delete: 0 },
    egressPerGB: undefined,
    storagePerGBMonth: 0.11,
  },
  cloudflareR2: {
    asOf,
    provider: 'Cloudflare R2',
    perMillion: { read: 0.36, write: 4.5, list: 4.5, delete: 0 },
    egressPerGB: 0,
    storagePerGBMonth: 0.015,
  },
  googleCloudStorage: {
    asOf,
    provider: 'Google Cloud Storage Standard',
    perMillion: { read: 0.4, write: 5, list: 5, delete: 0 },
    egressPerGB: 0.12,
    storagePerGBMonth: 0.02,
  },
  backblazeB2: {
    asOf,
    provider: 'Backblaze B2',
    perMillion: { read: 0.4, write: 0, list: undefined, delete: 0 },
    egressPerGB: undefined,
    storagePerGBMonth: 0.006,
  },
  wasabi: {
    asOf,
    provider: 'Wasabi (bills every object for at least 90 days)',
    perMillion: { read: 0, write: 0, list: 0, delete: 0 },
    egressPerGB: undefined,
    storagePerGBMonth: 0.00799,
  },
};
