/**
 * The ways to a store over which contention is measured: straight to a server, behind proxies that add latency, and a
 * folder of files.
 *
 * Invariant: everything written lies under one random prefix, or in a folder of our own, and is deleted at the end.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ObjectStore } from '@holdfast/object-store';
import { behindPort, localPort, serverName, storeAt, type Target, UsageError } from '../location.js';
import { prefixed, shuttable } from '../prefixed.js';
import { forkProxy } from '../proxy-process.js';
import { clear } from '../run.js';
import { measureRoundTrip } from './round-trip.js';

/** A prefix of its own. */
export interface Place {
  readonly url: string;
  readonly credentials: Target['credentials'];
  readonly prefix: string;
  /** Past the proxy: for what comes before and after the measuring. */
  readonly direct: ObjectStore;
  /** As the writers reach it. */
  readonly through: ObjectStore;
}

export interface Network {
  readonly name: string;
  readonly roundTripMs: number;
  place(): Place;
}

export interface OpenNetwork extends Network {
  /** Deletes what was written. */
  close(): Promise<void>;
}

export interface Plan {
  readonly name: string;
  open(signal: AbortSignal): Promise<OpenNetwork>;
}

/** @param latenciesMs added to each request; 0 is the server itself. */
export async function serverPlans(
  target: Target,
  latenciesMs: readonly number[],
  bytesPerSecond: number,
): Promise<Plan[]> {
  const server = await serverName(target.url);
  return latenciesMs.map((delayMs) => {
    const name = delayMs === 0 ? server : `${server}, ${delayMs} ms added`;
    return {
      name,
      async open(signal) {
        if (delayMs === 0) return openNetwork(name, target, target.url, signal);
        const port = localPort(target.url);
        if (port === undefined)
          throw new UsageError(
            `Latency can be added only before a plain HTTP server on 127.0.0.1, and ${target.url} is none: use --latency 0.`,
          );
        const proxy = await forkProxy(port, { delayMs, bytesPerSecond });
        return openNetwork(name, target, behindPort(target.url, proxy.port), signal, () => proxy.close());
      },
    };
  });
}

export function filePlan(): Plan {
  const name = 'file store';
  return {
    name,
    async open(signal) {
      const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
      const url = pathToFileURL(folder).href;
      const target: Target = { url, stop: async () => {} };
      return openNetwork(name, target, url, signal, () => rm(folder, { recursive: true, force: true }));
    },
  };
}

async function openNetwork(
  name: string,
  target: Target,
  url: string,
  signal: AbortSignal,
  after: () => Promise<void> = async () => {},
): Promise<OpenNetwork> {
  const { credentials } = target;
  const run = `run-${randomBytes(6).toString('hex')}/`;
  const straight = await storeAt(target.url, target);
  const path = url === target.url ? straight : await storeAt(url, target);
  const shut = [straight, path].map((store) => shuttable(store));
  const [direct, through] = shut.map(({ store }) => store);
  let places = 0;
  const place = (): Place => {
    const prefix = `${run}${places++}/`;
    const seen = (store: ObjectStore): ObjectStore =>
      prefixed(store, prefix, `${straight.identity ?? target.url}/${prefix}`);
    return { url, credentials, prefix, direct: seen(direct!), through: seen(through!) };
  };
  const close = async (): Promise<void> => {
    await Promise.all(shut.map((one) => one.shut()));
    await clear(straight, run);
    for (const store of new Set([straight, path])) await store.close?.();
    await after();
  };
  try {
    return { name, roundTripMs: await measureRoundTrip(place().through, signal), place, close };
  } catch (error) {
    await close();
    throw error;
  }
}
