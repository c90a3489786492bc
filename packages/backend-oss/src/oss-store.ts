/**
 * A store in Alibaba Cloud OSS, through its S3-compatible endpoint.
 *
 * Invariants:
 * - creates carry `x-oss-forbid-overwrite: true`, signed; OSS has no If-None-Match and no If-Match on puts;
 * - no create is sent before the bucket is known to be without versioning, where OSS ignores that header;
 * - bodies are sent whole with a signed hash: OSS does not take chunked bodies with trailers.
 */
import {
  credentialsFromEnvironment,
  type S3Credentials,
  type S3Store,
  type S3StoreOptions,
  s3Store,
} from '@holdfast/backend-s3';
import {
  type CallOptions,
  type Capabilities,
  type GetOptions,
  type ListedObject,
  type ListOptions,
  type ObjectStore,
  type PutOptions,
  type PutResult,
  type StoredObject,
  StoreError,
} from '@holdfast/object-store';

export interface OssStoreOptions
  extends Pick<
    S3StoreOptions,
    'bucket' | 'prefix' | 'credentials' | 'requestTimeoutMs' | 'maxSockets' | 'client'
  > {
  /** e.g. `cn-hangzhou`. */
  readonly region: string;
  /** Use the endpoint inside Alibaba's network, where traffic is free. Default false. */
  readonly internal?: boolean | undefined;
  /** Another endpoint than the region's. */
  readonly endpoint?: string | undefined;
}

const credentialsHint =
  'set OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET, or ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or pass credentials';

/** Throws TypeError for bad options. Nothing is sent before the first call. */
export function ossStore(options: OssStoreOptions): OssStore {
  return new OssStore(options);
}

export class OssStore implements ObjectStore {
  readonly capabilities: Capabilities;
  readonly identity: string | undefined;
  readonly #s3: S3Store;
  readonly #bucket: string;
  #unversioned: Promise<void> | undefined;

  constructor(options: OssStoreOptions) {
    const { bucket, prefix, region, requestTimeoutMs, maxSockets, client } = options;
    if (!/^[a-z0-9-]+$/.test(region)) {
      throw new TypeError(`region must be an OSS region like cn-hangzhou, not ${JSON.stringify(region)}`);
    }
    this.#bucket = bucket;
    this.#s3 = s3Store({
      bucket,
      prefix,
      region,
      requestTimeoutMs,
      maxSockets,
      client,
      endpoint:
        options.endpoint ?? `https://s3.oss-${region}${options.internal ? '-internal' : ''}.aliyuncs.com`,
      forcePathStyle: false,
      credentials: options.credentials ?? (async () => ossCredentials()),
      credentialsHint,
      createOnlyHeader: 'x-oss-forbid-overwrite',
      // OSS wants a Content-MD5 with it, which is not sent.
      bulkDelete: false,
    });
    this.capabilities = this.#s3.capabilities;
    this.identity = this.#s3.identity;
  }

  get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    return this.#s3.get(key, options);
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    options.signal?.throwIfAborted();
    if (options.ifAbsent) await this.#expectUnversioned();
    return this.#s3.put(key, bytes, options);
  }

  delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    return this.#s3.delete(keys, options);
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject> {
    return this.#s3.list(prefix, options);
  }

  close(): Promise<void> {
    return this.#s3.close();
  }

  /** Asks once per store; an answer that did not come is asked for again. */
  async #expectUnversioned(): Promise<void> {
    this.#unversioned ??= this.#checkVersioning();
    try {
      await this.#unversioned;
    } catch (error) {
      this.#unversioned = undefined;
      throw error;
    }
  }

  async #checkVersioning(): Promise<void> {
    const versioning = await this.#s3.bucketVersioning();
    if (versioning === 'none') return;
    throw new StoreError(
      'INVALID',
      `Versioning of the OSS bucket ${this.#bucket} is ${versioning}. OSS then ignores x-oss-forbid-overwrite, so two writers could both win one commit. Versioning can't be taken back, only suspended, which does not help: use a bucket that never had it.`,
    );
  }
}

/** AWS_* is not read: keys of Amazon's have no place in a request to Alibaba. */
function ossCredentials(): S3Credentials {
  const found = credentialsFromEnvironment([
    {
      accessKeyId: 'OSS_ACCESS_KEY_ID',
      secretAccessKey: 'OSS_ACCESS_KEY_SECRET',
      sessionToken: 'OSS_SESSION_TOKEN',
    },
    {
      accessKeyId: 'ALIBABA_CLOUD_ACCESS_KEY_ID',
      secretAccessKey: 'ALIBABA_CLOUD_ACCESS_KEY_SECRET',
      sessionToken: 'ALIBABA_CLOUD_SECURITY_TOKEN',
    },
  ]);
  if (!found) throw new StoreError('DENIED', `There are no credentials for OSS: ${credentialsHint}.`);
  return found;
}
