/** An answer that says no: what it says, whoever asked. */
export interface Refusal {
  readonly status: number;
  /** S3's code, such as `NoSuchKey`; `Unknown` if the answer told none. */
  readonly code: string;
  readonly message: string;
  /** As the header has it. */
  readonly retryAfter?: string | undefined;
  /** What the server's clock says. */
  readonly serverTime?: string | undefined;
  /** Which the server says the bucket is in. */
  readonly region?: string | undefined;
  readonly contentType?: string | undefined;
}

export class RefusedError extends Error implements Refusal {
  override readonly name = 'RefusedError';
  readonly status: number;
  readonly code: string;
  readonly retryAfter: string | undefined;
  readonly serverTime: string | undefined;
  readonly region: string | undefined;
  readonly contentType: string | undefined;

  constructor({ status, code, message, retryAfter, serverTime, region, contentType }: Refusal) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
    this.serverTime = serverTime;
    this.region = region;
    this.contentType = contentType;
  }
}
