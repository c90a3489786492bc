/**
 * Contention as an SVG: a column of panels for each network, with commits per round trip above and how evenly they are
 * spread below, by the number of writers. Another run's figures are drawn dashed. Written by hand, as the other chart.
 */
import type { Figures } from './figures.js';

const TITLE = 'Many writers at one database';
const COLORS: Readonly<Record<string, string>> = {
  disjoint: '#2b6cb0',
  add: '#2f855a',
  bank: '#b7791f',
  queue: '#c05621',
  'read-write': '#805ad5',
};
const PANEL = { width: 250, height: 170, gap: 46 };
const LEFT = 60;
const TOP = 100;
const BELOW = 74;

interface Panel {
  readonly x: number;
  readonly y: number;
  readonly writers: readonly number[];
  /** From a figure to its place in the panel, 0 at the bottom and 1 at the top. */
  readonly up: (value: number) => number;
  readonly ticks: readonly number[];
  readonly of: (figures: Figures) => number;
  readonly title: string;
}

/** @param before of another run. */
export function chartOf(cells: readonly Figures[], before: readonly Figures[], subtitle: string): string {
  const drawn = cells.filter(({ workload }) => workload in COLORS);
  const beside = before.filter(({ workload }) => workload in COLORS);
  const networks = [...new Set(drawn.map(({ network }) => network))];
  const writers = [...new Set([...drawn, ...beside].map((figures) => figures.writers))].sort((a, b) => a - b);
  const most = Math.max(2, ...[...drawn, ...beside].map(({ perRoundTrip }) => perRoundTrip));
  const parts = [
    text(16, 24, TITLE, 'font-size="16" font-weight="600"'),
    text(16, 43, subtitle, 'font-size="11" fill="#666"'),
    ...legend(beside.length > 0),
  ];
  // From 1/16 commit a round trip up, by powers of 4.
  const floor = -4;
  const top = 2 * Math.ceil(Math.log2(most) / 2);
  const powers = Array.from({ length: (top - floor) / 2 + 1 }, (_, i) => 2 ** (floor + 2 * i));
  for (const [i, network] of networks.entries()) {
    const x = LEFT + i * (PANEL.width + PANEL.gap);
    const of = (figures: readonly Figures[]): Figures[] => figures.filter((one) => one.network === network);
    const busy = of(drawn)[0]!;
    parts.push(
      text(x, TOP - 24, network, 'font-weight="600"'),
      text(x, TOP - 9, `a round trip of ${busy.roundTripMs.toFixed(0)} ms`, 'font-size="11" fill="#666"'),
    );
    const panels: Panel[] = [
      {
        x,
        y: TOP,
        writers,
        up: (value) => (Math.log2(Math.max(value, 2 ** floor)) - floor) / (top - floor),
        ticks: powers,
        of: ({ perRoundTrip }) => perRoundTrip,
        title: i === 0 ? 'commits per round trip' : '',
      },
      {
        x,
        y: TOP + PANEL.height + BELOW / 2,
        writers,
        up: (value) => value,
        ticks: [0, 0.25, 0.5, 0.75, 1],
        of: ({ fairness }) => fairness.ratio,
        title: i === 0 ? 'least over most commits of a writer' : '',
      },
    ];
    for (const panel of panels)
      parts.push(...frame(panel), ...lines(panel, of(beside), true), ...lines(panel, of(drawn), false));
    parts.push(
      text(
        x + PANEL.width / 2,
        TOP + 2 * PANEL.height + BELOW,
        'writers',
        'text-anchor="middle" fill="#666"',
      ),
    );
  }
  const width = LEFT + networks.length * (PANEL.width + PANEL.gap);
  const height = TOP + 2 * PANEL.height + BELOW + 16;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-labelledby="title">
<title id="title">${TITLE}</title>
<rect width="100%" height="100%" fill="#fff"/>
${parts.join('\n')}
</svg>
`;
}

function legend(dashed: boolean): string[] {
  const parts: string[] = [];
  let x = 300;
  const entry = (name: string, attributes: string): void => {
    parts.push(`<line x1="${x}" y1="20" x2="${x + 22}" y2="20" ${attributes}/>`, text(x + 28, 24, name, ''));
    x += 44 + name.length * 7;
  };
  for (const [name, color] of Object.entries(COLORS)) entry(name, `stroke="${color}" stroke-width="2"`);
  if (dashed) entry('dashed: before', 'stroke="#888" stroke-width="1.5" stroke-dasharray="4 3"');
  return parts;
}

function frame({ x, y, writers, up, ticks, title }: Panel): string[] {
  const parts: string[] = [];
  for (const tick of ticks) {
    const at = round(y + PANEL.height * (1 - up(tick)));
    parts.push(
      `<line x1="${x}" y1="${at}" x2="${x + PANEL.width}" y2="${at}" stroke="${tick === 1 ? '#999' : '#e2e2e2'}"/>`,
      text(x - 6, at + 4, String(tick), 'text-anchor="end" font-size="10" fill="#666"'),
    );
  }
  for (const count of writers)
    parts.push(
      text(
        across(x, writers, count),
        y + PANEL.height + 14,
        String(count),
        'text-anchor="middle" font-size="10" fill="#666"',
      ),
    );
  if (title) {
    const middle = y + PANEL.height / 2;
    parts.push(
      text(18, middle, title, `text-anchor="middle" fill="#666" transform="rotate(-90 18 ${middle})"`),
    );
  }
  return parts;
}

function lines({ x, y, writers, up, of }: Panel, cells: readonly Figures[], dashed: boolean): string[] {
  return Object.entries(COLORS).flatMap(([workload, color]) => {
    const points = cells
      .filter((figures) => figures.workload === workload)
      .sort((a, b) => a.writers - b.writers)
      .map((figures) => ({
        x: across(x, writers, figures.writers),
        y: round(y + PANEL.height * (1 - up(of(figures)))),
      }));
    if (points.length === 0) return [];
    const path = points.map((point) => `${point.x},${point.y}`).join(' ');
    const stroke = dashed
      ? `stroke="${color}" stroke-width="1.2" stroke-dasharray="4 3" opacity="0.7"`
      : `stroke="${color}" stroke-width="2"`;
    const marks = dashed
      ? []
      : points.map((point) => `<circle cx="${point.x}" cy="${point.y}" r="2.5" fill="${color}"/>`);
    return [`<polyline points="${path}" fill="none" ${stroke}/>`, ...marks];
  });
}

/** Writers double from mark to mark. */
function across(x: number, writers: readonly number[], count: number): number {
  const last = Math.log2(writers.at(-1)!);
  return round(x + (last === 0 ? PANEL.width / 2 : (PANEL.width * Math.log2(count)) / last));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  return `<text x="${x}" y="${y}" ${attributes}>${escaped}</text>`;
}
