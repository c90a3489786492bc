/**
 * A process that stands between the clients and a store, and does to requests what networks and servers do.
 *
 * Argument: `{ target, seed, rates, network }` as JSON. Listens on a free port of 127.0.0.1 and tells it to its
 * parent; then takes `{ do: 'rates', rates }`, `{ do: 'heal' }` (no more faults) and
 * `{ do: 'release' }` (all that is held goes to the store now; answers with the counters). Ends with its parent.
 *
 * Invariants:
 * - A request reaches the store whole, byte for byte as it was signed (the Host header too), or not at all.
 * - Whatever a client is shown, the counters say what was done: `counts.fates` by fate, and of the late copies
 *   how many the store took (`landed`) and how many it refused.
 */
import { Agent, createServer, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { drawing } from './draw.mjs';
import { fateOf } from './fates.mjs';

const { target, seed, network, ...plan } = JSON.parse(process.argv[2]);
let { rates } = plan;
const draw = drawing(seed);
const agent = new Agent({ keepAlive: true, maxSockets: 512 });
const { hostname, port } = new URL(target);
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'expect']);

let healed = false;
/** @type {Promise<void> | undefined} */
let stalled;
/** Held requests: calling one sends it to the store at once. @type {Set<() => void>} */
const held = new Set();
const underWay = new Set();
const counts = {
  requests: 0,
  /** @type {Record<string, number>} */
  fates: {},
  tail: 0,
  stalls: 0,
  stalledRequests: 0,
  landed: 0,
  refused: 0,
  storeSilent: 0,
};

/** When each direction of the link is free again, milliseconds. */
const link = { up: 0, down: 0 };

/** How long `bytes` bytes take through one direction, behind those that are on their way. */
function transferMs(direction, bytes) {
  const nowMs = performance.now();
  link[direction] = Math.max(nowMs, link[direction]) + (bytes * 1000) / network.bytesPerSecond;
  return link[direction] - nowMs;
}

async function travel(direction, bytes) {
  if (healed) return;
  let ms = transferMs(direction, bytes);
  if (direction === 'up') {
    const slow = draw.fraction() < network.tail;
    if (slow) counts.tail++;
    ms += draw.exponential(slow ? network.tailMs : network.latencyMs);
  }
  if (ms >= 1) await sleep(ms);
  if (stalled) {
    counts.stalledRequests++;
    await stalled;
  }
}

const server = createServer({ keepAliveTimeout: 60_000 }, async (client, answer) => {
  const done = handle(client, answer).catch((error) => {
    console.error(error);
    answer.socket?.destroy();
  });
  underWay.add(done);
  await done;
  underWay.delete(done);
});

async function handle(client, answer) {
  answer.on('error', () => {});
  const sent = await whole(client);
  if (!sent) return;
  counts.requests++;
  const writes = client.method === 'PUT';
  const fate = healed ? 'passes' : fateOf(draw, rates, writes);
  counts.fates[fate] = (counts.fates[fate] ?? 0) + 1;
  await travel('up', sent.length);
  switch (fate) {
    case 'resetBefore':
      return reset(answer);
    case 'error500Before':
      return say(answer, 500, 'InternalError');
    case 'error503Before':
      return say(answer, 503, 'SlowDown');
    case 'zombie': {
      // Half of the clients are told that the connection broke, half hear nothing until they give up.
      if (draw.fraction() < 0.5) reset(answer);
      await hold();
      return later(client, sent, answer);
    }
  }
  const got = await forward(client, sent);
  if (!got) {
    counts.storeSilent++;
    return reset(answer);
  }
  await travel('down', got.body.length);
  switch (fate) {
    case 'resetAfter':
      return reset(answer);
    case 'error500After':
      return say(answer, 500, 'InternalError');
    case 'cut':
      return cut(answer, got);
    case 'slowBody':
    case 'slowClose':
      return slowly(answer, got, fate === 'slowClose');
    case 'echo':
      give(answer, got);
      await hold();
      return later(client, sent, undefined);
    default:
      give(answer, got);
  }
}

/** The body of a request; undefined when its client broke off. */
function whole(client) {
  return new Promise((resolve) => {
    const chunks = [];
    client.on('data', (chunk) => chunks.push(chunk));
    client.on('end', () => resolve(Buffer.concat(chunks)));
    client.on('error', () => resolve(undefined));
    client.on('close', () => resolve(undefined));
  });
}

/** Waits for the time of a late copy, or for its release. */
async function hold() {
  await new Promise((resolve) => {
    const send = () => {
      clearTimeout(timer);
      held.delete(send);
      resolve(undefined);
    };
    const timer = setTimeout(send, healed ? 0 : draw.between(1_000, network.holdMsMax));
    held.add(send);
  });
}

async function later(client, sent, answer) {
  const got = await forward(client, sent);
  if (got && got.status < 300) counts.landed++;
  else counts.refused++;
  if (answer && !answer.destroyed && got) give(answer, got);
}

/** The store's answer; undefined: the store broke off, or could not be reached. */
function forward(client, body) {
  const headers = [];
  for (let i = 0; i < client.rawHeaders.length; i += 2)
    if (!hopByHop.has(client.rawHeaders[i].toLowerCase()))
      headers.push(client.rawHeaders[i], client.rawHeaders[i + 1]);
  if (client.headers['content-length'] === undefined && body.length > 0)
    headers.push('Content-Length', String(body.length));
  return new Promise((resolve) => {
    const { method, url: path } = client;
    const upstream = request({ hostname, port, method, path, headers, agent, setHost: false }, (got) => {
      const chunks = [];
      got.on('data', (chunk) => chunks.push(chunk));
      got.on('error', () => resolve(undefined));
      got.on('end', () => {
        const kept = [];
        for (let i = 0; i < got.rawHeaders.length; i += 2)
          if (!hopByHop.has(got.rawHeaders[i].toLowerCase()))
            kept.push([got.rawHeaders[i], got.rawHeaders[i + 1]]);
        resolve({ method, status: got.statusCode, headers: kept, body: Buffer.concat(chunks) });
      });
    });
    upstream.on('error', () => resolve(undefined));
    upstream.end(body);
  });
}

function reset(answer) {
  answer.socket?.resetAndDestroy();
}

/** An answer of our own, as a server in trouble gives it. */
function say(answer, status, code) {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>by the proxy</Message></Error>`;
  answer.writeHead(status, { 'Content-Type': 'application/xml', 'Content-Length': Buffer.byteLength(body) });
  answer.end(body);
}

function headOf(answer, got, withLength = true) {
  const without = got.headers.filter(([name]) => name.toLowerCase() !== 'content-length');
  // The answer to a HEAD states a length that it does not have.
  const stated = got.headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1];
  const length = got.method === 'HEAD' ? stated : String(got.body.length);
  const bodiless = got.status === 204 || got.status === 304;
  answer.writeHead(got.status, [
    ...without.flat(),
    ...(withLength && !bodiless && length !== undefined ? ['Content-Length', length] : []),
  ]);
}

function give(answer, got) {
  headOf(answer, got);
  answer.end(got.method === 'HEAD' ? undefined : got.body);
}

function cut(answer, got) {
  const { socket } = answer;
  if (got.body.length < 2 || got.method === 'HEAD') {
    socket?.write('HTTP/1.1 20', () => socket.resetAndDestroy());
    return;
  }
  headOf(answer, got);
  answer.write(got.body.subarray(0, got.body.length >> 1), () => setTimeout(() => reset(answer), 5));
}

async function slowly(answer, got, onlyTheEnd) {
  if (got.method === 'HEAD' || got.status === 204) return give(answer, got);
  headOf(answer, got, false);
  answer.flushHeaders();
  const pieces = onlyTheEnd ? 1 : 4;
  for (let i = 0; i < pieces; i++) {
    const piece = got.body.subarray((got.body.length * i) / pieces, (got.body.length * (i + 1)) / pieces);
    if (piece.length > 0) answer.write(piece);
    await sleep(onlyTheEnd ? draw.between(200, 4_000) : draw.between(20, 1_000));
  }
  answer.end();
}

async function stalling() {
  while (network.stallEveryMs > 0 && !healed) {
    await sleep(draw.exponential(network.stallEveryMs), undefined, { ref: false });
    if (healed) return;
    counts.stalls++;
    stalled = sleep(draw.between(0.4, 1.6) * network.stallMs);
    await stalled;
    stalled = undefined;
  }
}

process.on('disconnect', () => process.exit(0));
process.on('message', async (message) => {
  if (message.do === 'rates') rates = message.rates;
  else healed = true;
  if (message.do !== 'release') return;
  const inTime = counts.landed + counts.refused;
  for (const send of [...held]) send();
  await Promise.all(underWay);
  process.send?.({
    counts: { ...counts, released: counts.landed + counts.refused - inTime },
    released: true,
  });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: server.address().port }));
stalling();
