/**
 * Runs measures over one network after another, and leaves the store as it was.
 *
 * Invariant: everything written lies under one random prefix, and is deleted however the run ends.
 */
import { randomBytes } from 'node:crypto';
import type { ObjectStore } from '@holdfast/object-store';
import { behindPort, localPort, storeAt, type Target, UsageError } from './location.js';
import type { Measure, Place, Row, Stage } from './measure.js';
import { prefixed, shuttable } from './prefixed.js';
import type { LinkOptions } from './proxy.js';
import { forkProxy } from './proxy-process.js';
import type { Scale } from './scale.js';

export interface RunOptions {
  readonly target: Target;
  readonly measures: readonly Measure[];
  readonly scale: Scale;
  /** The slow network. Undefined: only directly. */
  readonly link: LinkOptions | undefined;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

export interface Network {
  readonly name: string;
  readonly url: string;
  readonly store: ObjectStore;
  readonly delayed: boolean;
}

const DELETE_KEYS_MAX = 1000;

export async function runMeasures(options: RunOptions): Promise<Row[]> {
  const { target, measures, link, progress } = options;
  const rows: Row[] = [];
  const prefix = `run-${randomBytes(6).toString('hex')}/`;
  const root = await storeAt(target.url, target);
  const writing = shuttable(root);
  const direct = writing.store;
  const networks: Network[] = [{ name: 'direct', url: target.url, store: direct, delayed: false }];
  const shutting = [() => writing.shut()];
  const closing: (() => Promise<void> | undefined)[] = [() => root.close?.()];
  try {
    if (link) {
      const port = localPort(target.url);
      if (port === undefined)
        throw new UsageError(
          `A slow network can be put only before a plain HTTP server on 127.0.0.1, and ${target.url} is none: use --latency 0.`,
        );
      const proxy = await forkProxy(port, link);
      closing.unshift(() => proxy.close());
      const url = behindPort(target.url, proxy.port);
      const behind = await storeAt(url, target);
      closing.unshift(() => behind.close?.());
      const { store, shut } = shuttable(behind);
      shutting.push(shut);
      networks.push({ name: linkName(link), url, store, delayed: true });
    }
    const stage = { ...options, direct, prefix, url: target.url, credentials: target.credentials };
    for (const measure of measures) {
      for (const network of networks) {
        const alone = networks.length === 1;
        if (measure.networks === 'direct' && network.delayed) continue;
        if (measure.networks === 'delayed' && !network.delayed && !alone) continue;
        rows.push(...(await runStage(measure, network, stage)));
      }
    }
    return rows;
  } finally {
    progress('deleting what was written');
    // A measure that failed leaves databases open: what they still have under way must not outlive the deletion.
    await Promise.all(shutting.map((shut) => shut()));
    await clear(direct, prefix);
    for (const close of closing) await close();
  }
}

export interface StageOptions {
  /** The store without a network in between. */
  readonly direct: ObjectStore;
  /** Where everything is written. */
  readonly prefix: string;
  readonly url: string;
  readonly credentials?: Target['credentials'];
  readonly scale: Scale;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

/** Runs one measure over one network, and deletes what it wrote. */
export async function runStage(measure: Measure, network: Network, options: StageOptions): Promise<Row[]> {
  const { direct, scale, signal, progress } = options;
  signal.throwIfAborted();
  let places = 0;
  const prefix = `${options.prefix}${measure.name}-${network.delayed ? 'delayed' : 'direct'}/`;
  const stage: Stage = {
    network: network.name,
    delayed: network.delayed,
    scale,
    signal,
    reach: { url: network.url, credentials: options.credentials, prefix: `${prefix}own/` },
    place(): Place {
      const own = `${prefix}${places++}/`;
      // The same identity over both networks: what was probed directly need not be probed again.
      const identity = `${direct.identity ?? options.url}/${own}`;
      return {
        store: prefixed(network.store, own, identity),
        direct: prefixed(direct, own, identity),
      };
    },
    progress: (text) => progress(`${measure.name}, ${network.name}: ${text}`),
  };
  const rows = await measure.run(stage);
  await clear(direct, prefix);
  return rows;
}

function linkName({ delayMs, bytesPerSecond }: LinkOptions): string {
  return `${delayMs} ms, ${bytesPerSecond / 1e6} MB/s`;
}

/** Deletes all objects of a prefix. */
export async function clear(store: ObjectStore, prefix: string): Promise<void> {
  let keys: string[] = [];
  for await (const { key } of store.list(prefix)) {
    keys.push(key);
    if (keys.length < DELETE_KEYS_MAX) continue;
    await store.delete(keys);
    keys = [];
  }
  if (keys.length > 0) await store.delete(keys);
}
