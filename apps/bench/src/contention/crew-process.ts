/**
 * A process with some of the writers: opens their databases, lets them run, tells what they came to.
 *
 * Invariants:
 * - It has one order at a time, and answers each.
 * - It ends when it is told to, or when its parent is gone; told to, only once no put of its own is under way.
 */
import { estimateCost, type ObjectStore, prices, Traffic } from '@holdfast/object-store';
import type { Database } from 'holdfast';
import { storeAt } from '../location.js';
import { prefixed, type ShutStore, shuttable } from '../prefixed.js';
import { openBench } from '../sample-state.js';
import type { Answer, CrewFigures, OpenOrder, Order, RunOrder } from './crew.js';
import { type Workload, workloads } from './workload.js';
import { runWriter } from './writer.js';

const CLASSES = ['read', 'write', 'list', 'delete'] as const;

class Crew {
  #workload: Workload | undefined;
  #order: OpenOrder | undefined;
  #stores: { readonly base: ObjectStore; readonly shut: ShutStore['shut'] }[] = [];
  #databases: Database[] = [];

  async open(order: OpenOrder): Promise<void> {
    this.#order = order;
    this.#workload = workloads.find(({ name }) => name === order.workload)!;
    const loops = this.#workload.writers === 'loops';
    const connections = loops ? Math.min(1, order.writers.length) : order.writers.length;
    this.#databases = await Promise.all(
      Array.from({ length: connections }, async () => {
        const base = await storeAt(order.url, { ...order });
        const { store, shut } = shuttable(base);
        this.#stores.push({ base, shut });
        // The parent has asked the store whether it keeps its promises.
        return openBench(prefixed(store, order.prefix, `${order.url}/${order.prefix}`), { probe: 'skip' });
      }),
    );
  }

  async run({ atMs }: RunOrder): Promise<CrewFigures> {
    const { writers, seconds, roundTripMs } = this.#order!;
    const databases = this.#databases;
    // Clocks of one machine: they agree on when "at" is.
    const startMs = performance.now() + (atMs - Date.now());
    const endMs = startMs + seconds * 1000;
    const running = writers.map((writer, i) =>
      runWriter(
        this.#workload!,
        { db: databases[i % databases.length]!, writer },
        // Not all in one instant: they would stay in step.
        { startMs: startMs + Math.random() * roundTripMs, endMs, pauseMs: roundTripMs },
      ),
    );
    const traffic = databases.map((db) => db.traffic().snapshot());
    const stats = databases.map((db) => db.stats());
    const cpu = process.cpuUsage();
    const measured = new Promise<Omit<CrewFigures, 'writers'>>((resolve) =>
      setTimeout(() => {
        const spent = new Traffic();
        for (const [i, db] of databases.entries()) {
          const { requests } = db.traffic().since(traffic[i]!);
          for (const kind of CLASSES) spent.requests[kind] += requests[kind];
        }
        const sumOf = (name: 'commits' | 'rebases' | 'conflicts' | 'flushes'): number =>
          databases.reduce((sum, db, i) => sum + db.stats()[name] - stats[i]![name], 0);
        const { user, system } = process.cpuUsage(cpu);
        resolve({
          requests: spent.requests,
          dollars: estimateCost(spent, prices.awsS3Standard).requests,
          records: sumOf('commits'),
          rebases: sumOf('rebases'),
          conflicts: sumOf('conflicts'),
          flushes: sumOf('flushes'),
          cpuMs: (user + system) / 1000,
        });
      }, endMs - performance.now()),
    );
    const figures = { ...(await measured), writers: await Promise.all(running) };
    await Promise.all(databases.map((db) => db.close()));
    await this.shut();
    return figures;
  }

  /** Resolves when nothing more reaches the store. */
  async shut(): Promise<void> {
    const stores = this.#stores.splice(0);
    await Promise.all(stores.map(({ shut }) => shut()));
    await Promise.all(stores.map(({ base }) => base.close?.()));
  }
}

const crew = new Crew();

async function obey(order: Order): Promise<Answer> {
  if (order.kind === 'open') await crew.open(order);
  else return { kind: 'done', figures: await crew.run(order) };
  return { kind: 'done' };
}

// Ctrl-C reaches every process of the terminal: this one ends when its parent is done with it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
process.on('disconnect', () => void crew.shut().finally(() => process.exit()));
process.on('message', (order: Order) => {
  obey(order)
    .catch(
      (error): Answer => ({
        kind: 'failed',
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }),
    )
    .then((answer) => {
      if (process.connected) process.send!(answer);
    });
});
