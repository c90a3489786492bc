/** What the lean requests need of HTTP: one origin, connections that are kept, bodies as they arrive. */
export interface Http {
  /**
   * Sends a request once: a GET or HEAD again, at once, where a kept connection turns out to be closed.
   * @returns the head of its answer whatever the status, and the body, of which nothing is taken yet.
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
  /** Ends its connections. */
  close(): void;
}

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** With the query, percent-encoded as it was signed. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  /** @param name in lower case. */
  header(name: string): string | undefined;
  /** See `takeBody`. */
  readonly body: unknown;
}

export interface HttpOptions {
  /** `https://host:port` */
  readonly origin: string;
  readonly socketsMax: number;
}

export type OpenHttp = (options: HttpOptions) => Promise<Http>;
