/** The proxy in a process of its own, so that its work is not done by the process that is measured. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type LinkOptions, type RunningProxy, startProxy } from './proxy.js';

interface Order extends LinkOptions {
  readonly targetPort: number;
}

/** Ends with `close()`, and with this process however that ends. */
export async function forkProxy(targetPort: number, link: LinkOptions): Promise<RunningProxy> {
  const order: Order = { ...link, targetPort };
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(order)], { execArgv: [] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(message as number));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`The proxy ended with code ${code} before it was up.`)));
  });
  return {
    port,
    close: () => {
      if (child.connected) child.disconnect();
      return exited;
    },
  };
}

async function serve(order: Order): Promise<void> {
  // Ctrl-C reaches every process of the terminal: this one ends when its parent is done with it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
  process.on('disconnect', () => process.exit());
  const { port } = await startProxy(order.targetPort, order);
  process.send!(port);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve(JSON.parse(process.argv[2]!) as Order);
