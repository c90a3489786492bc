/**
 * Loads the AWS SDK (0.3 s) at the first call rather than with this module, and makes the client.
 *
 * Invariant: the SDK sends each request once. Repeated by the SDK, a conditional put could lose to itself and
 * report its own success as someone else's; plain calls are repeated by `withRetry` of the object store.
 */
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { StoreError } from '@holdfast/object-store';
import { environmentVariable } from './environment.js';
import type { S3StoreOptions } from './options.js';

export interface Connection {
  readonly sdk: typeof import('@aws-sdk/client-s3');
  readonly client: S3Client;
}

export async function connect(options: S3StoreOptions): Promise<Connection> {
  const sdk = await import('@aws-sdk/client-s3');
  if (options.client) {
    const maxAttempts = await options.client.config.maxAttempts();
    if (maxAttempts !== 1) {
      throw new StoreError(
        'INVALID',
        `The S3Client given as option client would send a failed request up to ${maxAttempts} times; conditional writes need maxAttempts: 1.`,
      );
    }
    return { sdk, client: options.client };
  }
  return { sdk, client: new sdk.S3Client(clientConfig(options)) };
}

function clientConfig(options: S3StoreOptions): S3ClientConfig {
  const { endpoint, credentials, maxSockets = 128 } = options;
  const region =
    options.region ??
    environmentVariable('AWS_REGION') ??
    environmentVariable('AWS_DEFAULT_REGION') ??
    (endpoint === undefined ? undefined : 'us-east-1');
  const agent = { keepAlive: true, maxSockets };
  return {
    maxAttempts: 1,
    // Checksums that S3 does not require break several other servers.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    forcePathStyle: options.forcePathStyle ?? endpoint !== undefined,
    // With it, the SDK sends each put of 2 MiB or more over a connection of its own and waits a round trip.
    expectContinueHeader: false,
    // Plain values: the SDK's handler for Node makes agents of the first two, the one for fetch takes the third. A
    // browser's cache would answer with what it remembers, and ask for other ranges than were signed.
    requestHandler: { httpAgent: agent, httpsAgent: agent, cache: 'no-store' },
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined
      ? {}
      : { credentials: credentials as NonNullable<S3ClientConfig['credentials']> }),
  };
}
