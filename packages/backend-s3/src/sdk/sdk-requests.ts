/** The requests through the AWS SDK: the reference that the lean ones are held against. */
import type { PutObjectCommand } from '@aws-sdk/client-s3';
import type { ListPage, ListQuery, ObjectAnswer, ObjectHead, S3Requests, Undeleted } from '../requests.js';
import { boundAnswer } from './bound-answer.js';
import type { Connection } from './connection.js';

export class SdkRequests implements S3Requests {
  readonly #connection: Connection;
  readonly #bucket: string;
  readonly #ownsClient: boolean;

  /** @param ownsClient whether closing this closes the client. */
  constructor(connection: Connection, bucket: string, ownsClient: boolean) {
    this.#connection = connection;
    this.#bucket = bucket;
    this.#ownsClient = ownsClient;
  }

  async getObject(key: string, range: string | undefined, signal: AbortSignal): Promise<ObjectAnswer> {
    const { sdk, client } = this.#connection;
    const command = new sdk.GetObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      ...(range === undefined ? {} : { Range: range }),
    });
    const answer = await client.send(boundAnswer(command, 'streamed'), { abortSignal: signal });
    return {
      etag: answer.ETag,
      contentLength: answer.ContentLength,
      modifiedMs: answer.LastModified?.getTime(),
      contentRange: answer.ContentRange,
      body: answer.Body,
    };
  }

  async headObject(key: string, signal: AbortSignal): Promise<ObjectHead> {
    const { sdk, client } = this.#connection;
    const command = new sdk.HeadObjectCommand({ Bucket: this.#bucket, Key: key });
    const answer = await client.send(boundAnswer(command, 'unused'), { abortSignal: signal });
    const { ETag: etag, ContentLength: contentLength, LastModified: modified } = answer;
    return { etag, contentLength, modifiedMs: modified?.getTime() };
  }

  async putObject(
    key: string,
    bytes: Uint8Array,
    condition: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { sdk, client } = this.#connection;
    const command = new sdk.PutObjectCommand({ Bucket: this.#bucket, Key: key, Body: bytes });
    addHeaders(command, condition);
    const answer = await client.send(boundAnswer(command, 'unused'), { abortSignal: signal });
    return answer.ETag;
  }

  async deleteObject(key: string, signal: AbortSignal): Promise<void> {
    const { sdk, client } = this.#connection;
    const command = new sdk.DeleteObjectCommand({ Bucket: this.#bucket, Key: key });
    await client.send(boundAnswer(command, 'unused'), { abortSignal: signal });
  }

  async deleteObjects(keys: readonly string[], signal: AbortSignal): Promise<readonly Undeleted[]> {
    const { sdk, client } = this.#connection;
    const command = new sdk.DeleteObjectsCommand({
      Bucket: this.#bucket,
      Delete: { Quiet: true, Objects: keys.map((Key) => ({ Key })) },
    });
    const { Errors = [] } = await client.send(boundAnswer(command, 'parsed', true), { abortSignal: signal });
    return Errors.map(({ Key, Code, Message }) => ({ key: Key, code: Code, message: Message }));
  }

  async listObjects(
    { keysMax, prefix, token, startAfter }: ListQuery,
    signal: AbortSignal,
  ): Promise<ListPage> {
    const { sdk, client } = this.#connection;
    const command = new sdk.ListObjectsV2Command({
      Bucket: this.#bucket,
      EncodingType: 'url',
      MaxKeys: keysMax,
      ...(prefix === undefined ? {} : { Prefix: prefix }),
      ...(token === undefined ? {} : { ContinuationToken: token }),
      ...(startAfter === undefined ? {} : { StartAfter: startAfter }),
    });
    const page = await client.send(boundAnswer(command, 'parsed'), { abortSignal: signal });
    return {
      objects: (page.Contents ?? []).map(({ Key, Size = 0 }) => ({ key: Key, sizeBytes: Size })),
      encoded: page.EncodingType === 'url',
      isTruncated: page.IsTruncated,
      nextToken: page.NextContinuationToken,
    };
  }

  async bucketVersioning(signal: AbortSignal): Promise<string | undefined> {
    const { sdk, client } = this.#connection;
    const command = new sdk.GetBucketVersioningCommand({ Bucket: this.#bucket });
    const { Status } = await client.send(boundAnswer(command, 'parsed'), { abortSignal: signal });
    return Status;
  }

  close(): void {
    if (this.#ownsClient) this.#connection.client.destroy();
  }
}

/** Before the request is signed, so that the signature covers them. */
function addHeaders(command: PutObjectCommand, headers: Readonly<Record<string, string>>): void {
  command.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { headers: Record<string, string> }).headers, headers);
      return next(args);
    },
    { step: 'build', name: 'holdfastCondition' },
  );
}
