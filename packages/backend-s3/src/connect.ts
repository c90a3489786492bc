/** Which of the two implementations sends a store's requests, and how it is made. */
import { environmentVariable, regionOfEnvironment } from './environment.js';
import { addressOf } from './lean/address.js';
import { credentialsSource } from './lean/credentials.js';
import { LeanRequests } from './lean/lean-requests.js';
import type { Platform } from './lean/platform.js';
import type { S3StoreOptions } from './options.js';
import type { S3Requests } from './requests.js';

export async function connect(options: S3StoreOptions): Promise<S3Requests> {
  if (typeof options.client === 'object' || sdkReason(options) !== undefined) return connectSdk(options);
  const { platform } = await import('#platform');
  return connectLean(options, platform);
}

/** @returns why it is the SDK's part to send this store's requests; undefined: the lean ones do. */
export function sdkReason({ client, bucket, region, endpoint }: S3StoreOptions): string | undefined {
  if (client === 'sdk') return 'it was asked for';
  if (bucket.endsWith('--x-s3')) return 'S3 Express has sessions of its own';
  if (bucket.startsWith('arn:')) return 'the bucket is an ARN';
  // The rest is about where Amazon's own endpoints are.
  if (endpoint !== undefined) return undefined;
  for (const name of ['AWS_USE_FIPS_ENDPOINT', 'AWS_USE_DUALSTACK_ENDPOINT']) {
    if (environmentVariable(name) === 'true') return `${name} is set`;
  }
  const found = region ?? regionOfEnvironment();
  if (found !== undefined && /^(us-iso|eu-iso|eusc-)/.test(found))
    return `region ${found} has names of its own`;
  return undefined;
}

async function connectSdk(options: S3StoreOptions): Promise<S3Requests> {
  const [{ openConnection }, { SdkRequests }] = await Promise.all([
    import('./sdk/connection.js'),
    import('./sdk/sdk-requests.js'),
  ]);
  const ownsClient = typeof options.client !== 'object';
  return new SdkRequests(await openConnection(options), options.bucket, ownsClient);
}

/** @param platform how HTTP and signatures are done there. */
export async function connectLean(options: S3StoreOptions, platform: Platform): Promise<S3Requests> {
  const { endpoint, maxSockets: socketsMax = 128 } = options;
  // What the SDK would read of files and instances is its own part.
  const sdk = sharedClient(options);
  const region =
    options.region ??
    regionOfEnvironment() ??
    (endpoint === undefined ? await (await sdk()).config.region() : 'us-east-1');
  const address = addressOf(options, region);
  const [http, signer] = await Promise.all([
    platform.openHttp({ origin: address.origin, socketsMax }),
    platform.loadSigner(),
  ]);
  const credentials = credentialsSource(options.credentials, async () => (await sdk()).config.credentials());
  return new LeanRequests({ http, signer, address, region, credentials });
}

/** The SDK's client, made when it is asked for: to load it costs as much as hundreds of requests. */
function sharedClient(options: S3StoreOptions): () => ReturnType<typeof openSdkClient> {
  let made: ReturnType<typeof openSdkClient> | undefined;
  return () => {
    made ??= openSdkClient(options).catch((error) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

async function openSdkClient(options: S3StoreOptions) {
  const { openConnection } = await import('./sdk/connection.js');
  return (await openConnection({ ...options, client: 'sdk' })).client;
}
