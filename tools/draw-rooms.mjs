// Draws the rooms of a package, and which of them import which, from its sources: docs/pictures/rooms-<package>.svg.
//
// Usage: node tools/draw-rooms.mjs [--check]
// With --check it writes nothing, and exits with 1 where a picture is not what the sources say.
//
// An arrow that another way already implies is left out: what stands higher may import all that its arrows lead to.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { importsOf, sources } from './imports.mjs';

/** What each room holds, in a few words. */
const packages = {
  core: {
    object: 'bytes, envelope, names, errors',
    merkle: 'trees, proofs, tiles',
    key: 'tuples as bytes',
    value: 'MessagePack and more',
    segment: 'blocks, readers, cache',
    manifest: 'pages of live segments',
    record: 'one commit as bytes',
  },
  mvcc: {
    context: 'what all parts share',
    state: 'views, tail, cursors',
    log: 'slots, tip, continuity, tiles',
    reading: 'reads, listings, snapshots',
    requests: 'ids, sessions',
    commit: 'queue, plan, settle',
    transaction: 'bodies, their reads and writes',
    past: 'history, watch, verify',
    upkeep: 'flush, tiles',
    namespace: 'prefixes, codecs',
    conformance: 'the suite for slots',
  },
};
const BOX = { width: 190, height: 50, gapX: 26, gapY: 62, margin: 24 };

const { check } = parseArgs({ options: { check: { type: 'boolean', default: false } } }).values;
for (const [name, rooms] of Object.entries(packages)) {
  const svg = draw(name, rooms, arrowsOf(name, rooms));
  const path = `docs/pictures/rooms-${name}.svg`;
  if (!check) writeFileSync(path, svg);
  else if (readFileSync(path, 'utf8') !== svg) {
    console.error(`${path} is not what the sources of ${name} say: run node tools/draw-rooms.mjs`);
    process.exitCode = 1;
  }
}

/** Room -> the rooms that its files import, tests left out. */
function arrowsOf(name, rooms) {
  const src = resolve('packages', name, 'src');
  const arrows = new Map(Object.keys(rooms).map((room) => [room, new Set()]));
  const roomOf = (path) => relative(src, path).split(sep)[0];
  for (const file of sources(src)) {
    const from = roomOf(file);
    if (from.endsWith('.ts') || /(\.test|-fixture)\.ts$/.test(file)) continue;
    if (!arrows.has(from)) throw new Error(`${from}/ of ${name} has no words in tools/draw-rooms.mjs`);
    for (const found of importsOf(file)) {
      const to = roomOf(resolve(dirname(file), found.from));
      if (found.from.startsWith('.') && to !== from && arrows.has(to)) arrows.get(from).add(to);
    }
  }
  return arrows;
}

/** The rooms that a room reaches, itself left out. */
function reach(arrows, room) {
  const reached = new Set();
  const visit = (at) => {
    for (const next of arrows.get(at)) if (!reached.has(next)) visit(reached.add(next) && next);
  };
  visit(room);
  return reached;
}

function draw(name, rooms, arrows) {
  const floorOf = (room) => Math.max(0, ...[...arrows.get(room)].map((below) => floorOf(below) + 1));
  const floors = [];
  for (const room of arrows.keys()) {
    floors[floorOf(room)] ??= [];
    floors[floorOf(room)].push(room);
  }
  const widest = Math.max(...floors.map((floor) => floor.length));
  const width = 2 * BOX.margin + widest * BOX.width + (widest - 1) * BOX.gapX;
  const height = 2 * BOX.margin + floors.length * BOX.height + (floors.length - 1) * BOX.gapY;
  const place = new Map();
  for (const [i, floor] of floors.entries())
    for (const [k, room] of floor.entries()) {
      const inset = (width - floor.length * BOX.width - (floor.length - 1) * BOX.gapX) / 2;
      place.set(room, {
        x: inset + k * (BOX.width + BOX.gapX),
        y: BOX.margin + (floors.length - 1 - i) * (BOX.height + BOX.gapY),
      });
    }
  const lines = [];
  for (const [from, below] of arrows)
    for (const to of below) {
      if ([...below].some((other) => other !== to && reach(arrows, other).has(to))) continue;
      const [a, b] = [place.get(from), place.get(to)];
      const [x1, y1] = [a.x + BOX.width / 2, a.y + BOX.height];
      const [x2, y2] = [b.x + BOX.width / 2, b.y - 3];
      const bend = (y2 - y1) / 2;
      lines.push(
        `  <path class="line" d="M${x1} ${y1} C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}"/>`,
      );
    }
  const boxes = [...place].map(([room, { x, y }]) =>
    [
      `  <rect class="box" x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="6"/>`,
      `  <text class="strong" x="${x + BOX.width / 2}" y="${y + 21}">${room}/</text>`,
      `  <text class="small" x="${x + BOX.width / 2}" y="${y + 39}">${rooms[room]}</text>`,
    ].join('\n'),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="14" role="img" aria-labelledby="title">
  <title id="title">The rooms of ${name} and their imports, which all point downwards</title>
  <style>
    .page { fill: #ffffff; stroke: #d0d7de }
    .box { fill: #f6f8fa; stroke: #57606a }
    .line { stroke: #57606a; stroke-width: 1.5; fill: none; marker-end: url(#arrow) }
    .tip { fill: #57606a }
    text { fill: #1f2328; text-anchor: middle }
    .small { font-size: 12px; fill: #57606a }
    .strong { font-weight: 600 }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #30363d }
      .box { fill: #161b22; stroke: #8b949e }
      .line { stroke: #8b949e }
      .tip { fill: #8b949e }
      text { fill: #e6edf3 }
      .small { fill: #9da7b1 }
    }
  </style>
  <defs>
    <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path class="tip" d="M0 0 L8 4 L0 8 z"/></marker>
  </defs>
  <rect class="page" x="1" y="1" width="${width - 2}" height="${height - 2}" rx="10"/>
${[...lines, ...boxes].join('\n')}
</svg>
`;
}
