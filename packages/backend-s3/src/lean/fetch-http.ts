/**
 * HTTP through the platform's `fetch`: in Bun, Deno, workers and browsers. Connections, their number and their age are
 * the platform's, and so is what it does when one breaks.
 */
import type { Http, HttpOptions } from './http.js';

export async function openFetchHttp({ origin }: HttpOptions): Promise<Http> {
  // A browser's cache would answer with what it remembers. Elsewhere the word may be refused.
  const cache = 'cache' in Request.prototype ? { cache: 'no-store' as const } : {};
  return {
    async send({ method, path, headers, body }, signal) {
      const response = await fetch(origin + path, {
        method,
        headers,
        signal,
        redirect: 'manual',
        ...cache,
        ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
      }).catch((error: unknown) => {
        throw withCode(error);
      });
      return {
        // A browser hides which redirect it was not to follow.
        status: response.type === 'opaqueredirect' ? 307 : response.status,
        header: (name) => response.headers.get(name) ?? undefined,
        body: response.body ?? undefined,
      };
    },
    close() {},
  };
}

/** `fetch failed` says why in its cause, on some platforms. */
function withCode(error: unknown): unknown {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown; message?: unknown } };
  if (!(error instanceof TypeError) || code !== undefined || typeof cause?.code !== 'string') return error;
  const message = `${error.message}: ${cause.message}`;
  return Object.assign(new TypeError(message, { cause: error }), { code: cause.code });
}
