/**
 * The raw store through both clients of its adapter, in turn: what a request takes, and what it costs this process. And
 * from the start of a process to its first answer, which is what loading a client costs.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ObjectStore } from '@holdfast/object-store';
import type { FirstGetOrder } from '../first-get-process.js';
import { storeAt } from '../location.js';
import { type Measure, type Row, type Stage, timed } from '../measure.js';
import { prefixed } from '../prefixed.js';
import { noise } from '../sample-state.js';
import { summarize } from '../stats.js';

const CLIENTS = ['lean', 'sdk'] as const;
type Client = (typeof CLIENTS)[number];

const SMALL_BYTES = 1024;
const LARGE_BYTES = 1024 * 1024;
const RANGE_BYTES = 32 * 1024;

/** Requests of one client before it is the other's turn: one sample of CPU. */
const BLOCK = 25;

interface Kind {
  readonly what: string;
  send(store: ObjectStore, nth: number): Promise<unknown>;
}

const bytes = noise('requests', SMALL_BYTES);

const kinds: readonly Kind[] = [
  {
    what: 'conditional PUT of 1 KiB',
    async send(store, nth) {
      const { occupied } = await store.put(`log/${nth}`, bytes, { ifAbsent: true });
      if (occupied) throw new Error(`The raw PUT of log/${nth} lost a race that nobody else was in.`);
    },
  },
  { what: 'GET of 1 KiB', send: (store) => store.get('small') },
  {
    what: 'GET of a range of 32 KiB',
    send: (store, nth) =>
      store.get('large', { range: { offset: (nth % 30) * RANGE_BYTES, length: RANGE_BYTES } }),
  },
];

export const requests: Measure = {
  name: 'requests',
  networks: 'both',
  async run(stage: Stage): Promise<Row[]> {
    const hasClients = /^(s3|minio|oss):/.test(stage.reach.url);
    const stores = {} as Record<Client, ObjectStore>;
    const opened: ObjectStore[] = [];
    try {
      for (const client of CLIENTS) {
        stores[client] = stage.place().store;
        if (!hasClients) continue;
        const store = await storeAt(urlThrough(stage, client), stage.reach);
        opened.push(store);
        stores[client] = prefixed(store, `${stage.reach.prefix}${client}/`, client);
      }
      const rows: Row[] = [];
      for (const kind of kinds) rows.push(...(await measureKind(kind, stores, stage, hasClients)));
      if (hasClients) rows.push(await measureFirstGet(stage));
      return rows;
    } finally {
      for (const store of opened) await store.close?.();
    }
  },
};

async function measureKind(
  { what, send }: Kind,
  stores: Readonly<Record<Client, ObjectStore>>,
  stage: Stage,
  withCpu: boolean,
): Promise<Row[]> {
  const { warmUps, samples } = stage.scale;
  const rounds = Math.ceil(samples / BLOCK);
  const latency: Record<Client, number[]> = { lean: [], sdk: [] };
  const cpu: Record<Client, number[]> = { lean: [], sdk: [] };
  // Until the compiler has made of both what it makes of them: 200 requests in a full run.
  const warmRounds = Math.ceil((8 * warmUps) / 20);
  let nth = 0;
  for (const store of Object.values(stores)) {
    await store.put('small', bytes);
    await store.put('large', noise('large', LARGE_BYTES));
  }
  for (let round = -warmRounds; round < rounds; round++) {
    stage.progress(`${what}, ${round + warmRounds} of ${rounds + warmRounds}`);
    // Who is first has the machine as the other left it.
    for (const client of round % 2 === 0 ? CLIENTS : [...CLIENTS].reverse()) {
      stage.signal.throwIfAborted();
      const before = process.cpuUsage();
      const times: number[] = [];
      for (let i = 0; i < BLOCK; i++) {
        const { ms } = await timed(() => send(stores[client], nth++));
        times.push(ms);
      }
      const { user, system } = process.cpuUsage(before);
      if (round < 0) continue;
      latency[client].push(...times);
      cpu[client].push((user + system) / 1000 / BLOCK);
    }
  }
  const row = (subject: string, of: Record<Client, number[]>, atMost?: number): Row => ({
    measure: 'requests',
    what: subject,
    network: stage.network,
    unit: 'ms',
    ours: summarize(of.lean),
    baseline: { what: 'through the AWS SDK', samples: summarize(of.sdk) },
    ...(atMost === undefined ? {} : { target: { atMost } }),
  });
  const rows = [row(what, latency)];
  if (withCpu) rows.push(row(`CPU of a ${what}`, cpu, 0.25));
  return rows;
}

async function measureFirstGet(stage: Stage): Promise<Row> {
  const times: Record<Client, number[]> = { lean: [], sdk: [] };
  for (let round = 0; round < stage.scale.rounds; round++) {
    for (const client of CLIENTS) {
      stage.signal.throwIfAborted();
      stage.progress(`a process's first GET, ${round} of ${stage.scale.rounds}`);
      const { ms } = await timed(() => firstGet(stage, client));
      times[client].push(ms);
    }
  }
  return {
    measure: 'requests',
    what: "a new process's first GET",
    network: stage.network,
    unit: 'ms',
    ours: summarize(times.lean),
    baseline: { what: 'through the AWS SDK', samples: summarize(times.sdk) },
  };
}

async function firstGet(stage: Stage, client: Client): Promise<void> {
  const { credentials, prefix } = stage.reach;
  const order: FirstGetOrder = {
    url: urlThrough(stage, client),
    credentials,
    key: `${prefix}${client}/small`,
  };
  const program = fileURLToPath(new URL('../first-get-process.js', import.meta.url));
  const child = fork(program, [JSON.stringify(order)], { execArgv: [], signal: stage.signal });
  const [answer] = await once(child, 'message');
  if (answer !== SMALL_BYTES)
    throw new Error(`The first GET read ${answer} bytes instead of ${SMALL_BYTES}.`);
  child.kill();
}

function urlThrough({ reach }: Stage, client: Client): string {
  const url = new URL(reach.url);
  url.searchParams.set('client', client);
  return url.href;
}
