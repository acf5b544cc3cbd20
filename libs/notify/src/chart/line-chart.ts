import { drawText, textWidth } from './glyphs.ts';
import { encodePng } from './png.ts';

export interface ChartSeries {
  readonly timesMs: ArrayLike<number>;
  /** What is not finite is left out. */
  readonly values: ArrayLike<number>;
}

export interface LineChart {
  readonly startMs: number;
  readonly endMs: number;
  /** Points further apart than two and a half of it are not joined. */
  readonly stepMs: number;
  /** Drawn in their order, each in a colour of its own. */
  readonly series: readonly ChartSeries[];
  /** A dashed line at this value; null for none. */
  readonly threshold: number | null;
}

const WIDTH = 640;
const HEIGHT = 240;
const LEFT = 84;
const RIGHT = 16;
const TOP = 14;
const BOTTOM = 32;
const SCALE = 2;
const TICKS = 4;

const PALETTE = [
  0xff_ff_ff, 0xe3_e6_ea, 0x59_63_6e, 0xb3_26_1e, 0x24_57_a6, 0x8a_5a_00, 0x1b_7f_3b, 0x7b_3f_9e,
  0x00_6d_77, 0x3d_44_4d,
];
const GRID = 1;
const INK = 2;
const THRESHOLD = 3;
const FIRST_LINE = 4;
const LINES = PALETTE.length - FIRST_LINE;

/**
 * A small chart as a PNG file: values over time (UTC). Null where no point would be on it.
 */
export function drawLineChart(chart: LineChart): Uint8Array | null {
  const range = rangeOf(chart);
  if (range === null || chart.endMs <= chart.startMs) return null;
  const pixels = new Uint8Array(WIDTH * HEIGHT);
  const put = (x: number, y: number, size: number, colour: number) => {
    for (let dy = 0; dy < size; dy++) {
      for (let dx = 0; dx < size; dx++) {
        const px = Math.round(x) + dx;
        const py = Math.round(y) + dy;
        if (px >= 0 && px < WIDTH && py >= 0 && py < HEIGHT) pixels[py * WIDTH + px] = colour;
      }
    }
  };
  const write = (text: string, left: number, top: number) =>
    drawText(text, SCALE, (x, y) => put(left + x, top + y, SCALE, INK));
  const span = chart.endMs - chart.startMs;
  const xOf = (timeMs: number) => LEFT + ((timeMs - chart.startMs) / span) * (WIDTH - LEFT - RIGHT);
  const yOf = (value: number) =>
    HEIGHT - BOTTOM - ((value - range.min) / (range.max - range.min)) * (HEIGHT - TOP - BOTTOM);
  for (let i = 0; i <= TICKS; i++) {
    const value = range.min + ((range.max - range.min) * i) / TICKS;
    const y = yOf(value);
    for (let x = LEFT; x < WIDTH - RIGHT; x++) put(x, y, 1, GRID);
    const label = shortNumber(value);
    write(label, LEFT - 8 - textWidth(label, SCALE), y - 7);
  }
  for (const part of [0, 0.5, 1]) {
    const timeMs = chart.startMs + span * part;
    const label = clock(timeMs) + (part === 1 ? ' UTC' : '');
    const x = xOf(timeMs) - textWidth(label, SCALE) / 2;
    write(label, Math.min(x, WIDTH - textWidth(label, SCALE) - 2), HEIGHT - BOTTOM + 12);
  }
  for (const [i, series] of chart.series.entries()) {
    drawSeries(series, chart.stepMs * 2.5, (timeMs, value, toMs, to) =>
      drawLine(xOf(timeMs), yOf(value), xOf(toMs), yOf(to), (x, y) =>
        put(x, y, 2, FIRST_LINE + (i % LINES)),
      ),
    );
  }
  if (chart.threshold !== null && Number.isFinite(chart.threshold)) {
    const y = yOf(chart.threshold);
    for (let x = LEFT; x < WIDTH - RIGHT; x++) if (x % 12 < 7) put(x, y, 2, THRESHOLD);
  }
  return encodePng({ width: WIDTH, height: HEIGHT, pixels, palette: PALETTE });
}

/** The lowest and highest value with some room; null without any value. */
function rangeOf({ series, threshold }: LineChart): { min: number; max: number } | null {
  let min = Infinity;
  let max = -Infinity;
  for (const { values } of series) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (!Number.isFinite(value)) continue;
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  if (min > max) return null;
  if (threshold !== null && Number.isFinite(threshold)) {
    min = Math.min(min, threshold);
    max = Math.max(max, threshold);
  }
  // What never goes below nothing is shown from nothing on, where that loses little.
  if (min > 0 && min < max / 2) min = 0;
  const room = max === min ? Math.abs(max) / 10 || 1 : (max - min) * 0.06;
  const low = min === 0 ? 0 : min - room;
  const high = max + room;
  // Beyond what can be drawn with floats.
  return Number.isFinite(high - low) && high > low ? { min: low, max: high } : null;
}

function drawSeries(
  { timesMs, values }: ChartSeries,
  maxGapMs: number,
  line: (timeMs: number, value: number, toMs: number, to: number) => void,
): void {
  let last = -1;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]!)) continue;
    const from = last >= 0 && timesMs[i]! - timesMs[last]! <= maxGapMs ? last : i;
    line(timesMs[from]!, values[from]!, timesMs[i]!, values[i]!);
    last = i;
  }
}

function drawLine(
  fromX: number,
  fromY: number,
  toX: number,
  toY: number,
  dot: (x: number, y: number) => void,
): void {
  const steps = Math.min(
    Math.ceil(Math.max(Math.abs(toX - fromX), Math.abs(toY - fromY), 1)),
    WIDTH + HEIGHT,
  );
  for (let i = 0; i <= steps; i++) {
    dot(fromX + ((toX - fromX) * i) / steps, fromY + ((toY - fromY) * i) / steps);
  }
}

const UNITS: readonly (readonly [number, string])[] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
  [1e-3, ''],
];

/** A few characters: `12.5k`, `-0.3`, `1e-7`. */
function shortNumber(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return '0';
  const unit = UNITS.find(([factor]) => size >= factor);
  if (unit === undefined || size >= 1e15) return value.toExponential(0);
  const shown = unit[1] === '' ? value : value / unit[0];
  return `${Number(shown.toPrecision(3))}${unit[1]}`;
}

/** `04:05`, of UTC. */
function clock(timeMs: number): string {
  const minutes = Math.floor(timeMs / 60_000) % 1_440;
  return `${twoDigits(Math.floor(minutes / 60))}:${twoDigits(minutes % 60)}`;
}

function twoDigits(part: number): string {
  return String(part).padStart(2, '0');
}
