import { type AcceptedFormat, ExpositionWriter } from '#libs/exposition';
import { compareUtf8, Labels, type Matcher, matchesAll } from '#libs/labels';
import type { SeriesSelection } from '#libs/promql';
import { createSampleWindow, isStaleMarker } from '#libs/samples';
import type { Store } from '../store/store.ts';
import { WrittenNames } from './written-names.ts';

export interface FederationOptions {
  readonly nowMs: number;
  /** A sample older than this is none. */
  readonly lookbackMs: number;
  /** Added to every series that does not have them itself. */
  readonly externalLabels: Labels;
  readonly accepted: AcceptedFormat;
}

/** Series of one set of matchers that no set before it has. */
interface FoundSeries {
  readonly selection: SeriesSelection;
  readonly version: number;
  readonly matchers: readonly Matcher[];
  /** In the order of their metrics' numbers; see {@link WrittenNames}. */
  readonly rows: Uint32Array;
  /** The rows of metric `m` are from `starts[m]` up to `starts[m + 1]`; later metrics have none. */
  readonly starts: Uint32Array;
}

/** A piece of the body is handed on once it is so long. */
const PIECE_LENGTH = 64 * 1_024;
const INSTANCE = 'instance';

/**
 * The youngest sample of every series that fulfils one of the sets of matchers, as a metrics body in pieces, sorted by
 * metric (Prometheus, `/federate`). Series that have ended and native histograms, which text formats cannot hold, are left
 * out.
 *
 * Beside the piece being made it keeps a few bytes a series, so that a body of any size can wait for whoever reads it. A
 * series that comes or goes meanwhile is in the body or not.
 * @param pause asked now and then; what it gives, unless null, is awaited
 */
export async function* federate(
  store: Store,
  matcherSets: readonly (readonly Matcher[])[],
  { nowMs, lookbackMs, externalLabels, accepted }: FederationOptions,
  pause: () => Promise<void> | null,
): AsyncGenerator<string, void, undefined> {
  const names = new WrittenNames(accepted.allowsUtf8);
  const minMs = nowMs - lookbackMs + 1;
  const found: FoundSeries[] = [];
  for (const [i, matchers] of matcherSets.entries()) {
    const selection = await store.select(matchers, minMs, nowMs);
    found.push(await findSeries(selection, matchers, matcherSets.slice(0, i), names, pause));
  }
  const writer = new ExpositionWriter(accepted.format);
  const window = createSampleWindow();
  for (const metric of names.sorted()) {
    const family = names.textOf(metric);
    let isBegun = false;
    for (const { selection, version, matchers, rows, starts } of found) {
      const end = starts[metric + 1] ?? 0;
      for (let i = starts[metric] ?? 0; i < end; i++) {
        const wait = pause();
        if (wait !== null) await wait;
        const row = rows[i]!;
        const labels = selection.labelsOf(row);
        // The row may have become another series' while the body waited.
        if (names.metricOf(labels) !== metric) continue;
        if (selection.version !== version && !matchesAll(labels, matchers)) continue;
        selection.read(row, minMs, nowMs, window);
        const last = window.end - 1;
        if (last < window.start || isStaleMarker(window.values, last)) continue;
        if ((window.histograms?.[last] ?? null) !== null) continue;
        if (!isBegun) writer.type(family, 'unknown');
        isBegun = true;
        const written = names.writtenLabels(labelled(labels, externalLabels));
        writer.series(written, window.values[last]!, { timestampMs: window.timesMs[last]! });
        if (writer.length >= PIECE_LENGTH) yield writer.takePiece();
      }
    }
  }
  yield writer.take();
}

async function findSeries(
  selection: SeriesSelection,
  matchers: readonly Matcher[],
  before: readonly (readonly Matcher[])[],
  names: WrittenNames,
  pause: () => Promise<void> | null,
): Promise<FoundSeries> {
  const { version, rows: candidates } = selection;
  const rows = new Uint32Array(candidates.length);
  const metrics = new Uint32Array(candidates.length);
  let count = 0;
  for (const row of candidates) {
    const wait = pause();
    if (wait !== null) await wait;
    const labels = selection.labelsOf(row);
    if (labels.metricName === '' || before.some((set) => matchesAll(labels, set))) continue;
    rows[count] = row;
    metrics[count] = names.metricOf(labels);
    count++;
  }
  const grouped = groupRows(rows.subarray(0, count), metrics.subarray(0, count), names.size);
  return { selection, version, matchers, ...grouped };
}

/** Sorts rows by their metrics' numbers. What it gives is a copy: what an earlier set has takes no room then. */
function groupRows(
  rows: Uint32Array,
  metrics: Uint32Array,
  metricCount: number,
): Pick<FoundSeries, 'rows' | 'starts'> {
  const starts = new Uint32Array(metricCount + 1);
  for (const metric of metrics) starts[metric + 1]!++;
  for (let i = 0; i < metricCount; i++) starts[i + 1]! += starts[i]!;
  const next = starts.slice();
  const grouped = new Uint32Array(rows.length);
  for (let i = 0; i < rows.length; i++) grouped[next[metrics[i]!]!++] = rows[i]!;
  return { rows: grouped, starts };
}

/** An empty `instance` is written out, so that whoever scrapes this does not put its own there. */
function labelled(labels: Labels, externalLabels: Labels): Labels {
  const merged = externalLabels.merge(labels);
  if (merged.has(INSTANCE)) return merged;
  const flat: string[] = [];
  let isPlaced = false;
  for (const [name, value] of merged) {
    if (!isPlaced && compareUtf8(INSTANCE, name) < 0) {
      flat.push(INSTANCE, '');
      isPlaced = true;
    }
    flat.push(name, value);
  }
  if (!isPlaced) flat.push(INSTANCE, '');
  return Labels.fromSortedFlat(flat);
}
