/**
 * Loads the AWS SDK (0.3 s) at the first call rather than with this module, and makes the client.
 *
 * Invariant: the SDK sends each request once. Repeated by the SDK, a conditional put could lose to itself and
 * report its own success as someone else's; plain calls are repeated by `withRetry` of the object store.
 */
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { StoreError } from '@holdfast/object-store';
import { giveBundleRequire } from '../bundle-require.js';
import { regionOfEnvironment } from '../environment.js';
import type { S3StoreOptions } from '../options.js';

export interface Connection {
  readonly sdk: typeof import('@aws-sdk/client-s3');
  readonly client: S3Client;
}

export async function openConnection(options: S3StoreOptions): Promise<Connection> {
  const sdk = await loadSdk();
  const { client } = options;
  if (typeof client === 'object') {
    const maxAttempts = await client.config.maxAttempts();
    if (maxAttempts !== 1) {
      throw new StoreError(
        'INVALID',
        `The S3Client given as option client would send a failed request up to ${maxAttempts} times; conditional writes need maxAttempts: 1.`,
      );
    }
    return { sdk, client };
  }
  return { sdk, client: withoutNotice(() => new sdk.S3Client(clientConfig(options))) };
}

async function loadSdk(): Promise<Connection['sdk']> {
  giveBundleRequire();
  let failure: unknown;
  try {
    const sdk = await import('@aws-sdk/client-s3');
    if (typeof sdk.S3Client === 'function') return sdk;
  } catch (error) {
    failure = error;
  }
  // Waiting does not help: it is the program that lacks a part.
  const said = failure instanceof Error ? failure.message : 'it has no S3Client';
  throw new StoreError(
    'INVALID',
    `The AWS SDK could not be loaded: ${said}. Install @aws-sdk/client-s3 beside @holdfast/backend-s3; if a bundler made this file, let it bundle @aws-sdk/client-s3 for this platform, or leave it external.`,
    { cause: failure },
  );
}

const noticeSwitch = 'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED';

/**
 * On Node 20 the first client of a process makes the SDK print a notice of seven lines that it will want Node 22 from
 * 2027 on. Our README says that; here the SDK's own switch is on while it looks.
 */
function withoutNotice<T>(make: () => T): T {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  const env = process?.env;
  if (!env || env[noticeSwitch] !== undefined) return make();
  env[noticeSwitch] = 'true';
  try {
    return make();
  } finally {
    delete env[noticeSwitch];
  }
}

function clientConfig(options: S3StoreOptions): S3ClientConfig {
  const { endpoint, credentials, maxSockets = 128 } = options;
  const region =
    options.region ?? regionOfEnvironment() ?? (endpoint === undefined ? undefined : 'us-east-1');
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
