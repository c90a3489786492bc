/** A body without end, for tests of what a client takes into its memory. It ends with the connection. */
import type { ServerResponse } from 'node:http';
import type { LoggedRequest } from './request.js';

const piece = Buffer.alloc(64 * 1024);
const drop = Buffer.alloc(1);

/**
 * @param dripMs between bytes; 0: as fast as the connection takes them.
 * @returns when the client has closed the connection.
 */
export async function sendEndlessBody(
  outgoing: ServerResponse,
  logged: LoggedRequest,
  dripMs: number,
): Promise<void> {
  logged.bytesOut = 0;
  await new Promise<void>((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    outgoing.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    outgoing.on('error', () => undefined);
    const send = (): void => {
      const bytes = dripMs > 0 ? drop : piece;
      while (!outgoing.destroyed) {
        logged.bytesOut! += bytes.length;
        const goesOn = outgoing.write(bytes);
        if (dripMs > 0) {
          timer = setTimeout(send, dripMs);
          return;
        }
        if (!goesOn) {
          outgoing.once('drain', send);
          return;
        }
      }
    };
    send();
  });
}
