import { type Prices, prices, toHex } from 'holdfast';
import { type Call, type CommandSpec, defineCommand } from '../command.js';
import { UsageError } from '../failure.js';
import type { Json } from '../json-values.js';
import { countOf, formatBytes, formatCount } from '../output.js';
import { levelRows, levelsAsJson } from '../upkeep.js';

interface StatsOptions {
  readonly objects?: boolean;
  readonly prices?: string;
}

const TABLES = Object.keys(prices) as (keyof typeof prices)[];

export const statsCommand: CommandSpec = defineCommand<StatsOptions>({
  name: 'stats',
  summary: 'print what the database consists of, and what that costs',
  operands: [],
  needs: 'database',
  addOptions: (command) =>
    command
      .option('--objects', 'count the objects in the store too: one LIST request per 1,000')
      .option('--prices <provider>', `whose list prices: ${TABLES.join(', ')}`),
  help: `Traffic is that of this very command: what opening the database costs. Prices are estimates from a dated list, before
any free tier; without --prices they are those of the provider in the location, else of AWS S3.

Examples:
  $ holdfast stats file:./state
  $ holdfast stats 's3://bucket/prefix?region=eu-central-1' --objects --prices awsS3Standard`,
  async run(call) {
    const { out, options, location } = call;
    const table = pricesFor(location, options.prices);
    const db = await call.open('read');
    const objects = options.objects ? await countObjects(call) : undefined;
    const stats = db.stats();
    // Of the version that the figures are of, which is known: no request.
    const snapshot = await db.snapshot({ at: stats.version });
    const traffic = db.traffic().snapshot();
    const cost = db.traffic().estimateCost(table);
    const perMonth = objects && (objects.bytes / 1e9) * table.storagePerGBMonth;
    if (options.json) {
      await out.json({
        location,
        id: toHex(db.id),
        version: stats.version,
        time: snapshot.time.toISOString(),
        hash: toHex(snapshot.hash),
        floor: stats.floor,
        flushedThrough: stats.flushedThrough,
        tailBytes: stats.tailBytes,
        tailHolders: stats.tailHolders,
        segments: stats.segments,
        segmentBytes: stats.segmentBytes,
        segmentEntries: stats.segmentEntries,
        ...levelsAsJson(stats),
        ...(objects && { objects: objects.kinds, storageDollarsPerMonth: perMonth! }),
        traffic: JSON.parse(JSON.stringify(traffic)) as Json,
        cost: { ...cost, unpriced: [...cost.unpriced], provider: table.provider, asOf: table.asOf },
      });
      return undefined;
    }
    const { requests } = traffic;
    const { read, space } = stats.amplification;
    const sent = Object.entries(requests)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => countOf(count, kind));
    const rows = [
      ['version', `${formatCount(stats.version)}, of ${snapshot.time.toISOString()}`],
      ['oldest version kept', formatCount(stats.floor)],
      [
        'segments',
        `${formatCount(stats.segments)}, ${formatBytes(stats.segmentBytes)}, ${countOf(stats.segmentEntries, 'entry', 'entries')}`,
      ],
      ...levelRows(stats),
      [
        'amplification',
        `reads ask up to ${countOf(read, 'segment')} for a key; segments weigh ${space.toFixed(2)} times the largest level`,
      ],
      ['tail', `${formatBytes(stats.tailBytes)}, written after version ${formatCount(stats.flushedThrough)}`],
      ['hash', toHex(snapshot.hash)],
      ['database id', toHex(db.id)],
    ];
    for (const [kind, { count, bytes }] of Object.entries(objects?.kinds ?? {}))
      rows.push([`${kind}/`, `${countOf(count, 'object')}, ${formatBytes(bytes)}`]);
    if (perMonth !== undefined) rows.push(['storage', `${dollars(perMonth)} a month`]);
    rows.push(['this command', `${sent.join(', ')}; ${formatBytes(traffic.bytesIn)} received`]);
    const unpriced = cost.unpriced.length > 0 ? `, without ${cost.unpriced.join(' and ')}` : '';
    rows.push([
      'would cost',
      `${dollars(cost.total)}${unpriced} (${table.provider}, list prices of ${table.asOf})`,
    ]);
    await out.table(rows);
    return undefined;
  },
});

function dollars(amount: number): string {
  return amount === 0 || amount >= 0.01 ? `$${amount.toFixed(2)}` : `$${amount.toFixed(8)}`;
}

function pricesFor(location: string, name: string | undefined): Prices {
  if (name !== undefined) {
    const table = TABLES.find((known) => known === name);
    if (table) return prices[table];
    throw new UsageError(`--prices: expected one of ${TABLES.join(', ')}, found ${JSON.stringify(name)}.`);
  }
  const hosts: [RegExp, Prices][] = [
    [/r2\.cloudflarestorage\.com/, prices.cloudflareR2],
    [/storage\.googleapis\.com/, prices.googleCloudStorage],
    [/backblazeb2\.com/, prices.backblazeB2],
    [/wasabisys\.com/, prices.wasabi],
  ];
  return hosts.find(([host]) => host.test(location))?.[1] ?? prices.awsS3Standard;
}

interface Objects {
  readonly bytes: number;
  readonly kinds: Record<string, { readonly count: number; readonly bytes: number }>;
}

/** What else lies there, once there are this many kinds of names: a store may hold, or say, anything. */
const KINDS_MAX = 20;
const OTHER = '(others)';

/** By the first part of their names. */
async function countObjects(call: Call<StatsOptions>): Promise<Objects> {
  const store = await call.openStore();
  const kinds = new Map<string, { count: number; bytes: number }>();
  let bytes = 0;
  for await (const { key, size } of store.list('', { signal: call.signal })) {
    const name = key.split('/', 1)[0]!;
    const kind = kinds.has(name) || kinds.size < KINDS_MAX ? name : OTHER;
    const known = kinds.get(kind) ?? { count: 0, bytes: 0 };
    kinds.set(kind, { count: known.count + 1, bytes: known.bytes + size });
    bytes += size;
  }
  return { bytes, kinds: Object.fromEntries(kinds) };
}
