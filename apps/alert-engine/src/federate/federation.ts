import { compareUtf8, Labels, type Matcher } from '#libs/labels';
import { ExpositionWriter } from '#libs/exposition';
import { compareLabels } from '#libs/promql';
import { createSampleWindow, isStaleMarker } from '#libs/samples';
import type { Store } from '../store/store.ts';

export interface FederationOptions {
  readonly nowMs: number;
  /** A sample older than this is none. */
  readonly lookbackMs: number;
  /** Added to every series that does not have them itself. */
  readonly externalLabels: Labels;
}

/** The youngest sample of a series. */
interface Sample {
  readonly labels: Labels;
  readonly timeMs: number;
  readonly value: number;
}

const SERIES_PER_CHUNK = 1_000;
const INSTANCE = 'instance';

/**
 * The youngest sample of every series that fulfils one of the sets of matchers, as a metrics body, sorted by metric and
 * labels (Prometheus, `/federate`). Series that have ended and native histograms, which the text format cannot hold, are
 * left out.
 * @param pause awaited between pieces of the body
 */
export async function* federate(
  store: Store,
  matcherSets: readonly (readonly Matcher[])[],
  { nowMs, lookbackMs, externalLabels }: FederationOptions,
  pause: () => Promise<void>,
): AsyncGenerator<string, void, undefined> {
  const found = new Map<string, Sample>();
  const window = createSampleWindow();
  for (const matchers of matcherSets) {
    const selection = await store.select(matchers, nowMs - lookbackMs + 1, nowMs);
    const { rows } = selection;
    for (let i = 0; i < rows.length; i++) {
      if (i % SERIES_PER_CHUNK === SERIES_PER_CHUNK - 1) await pause();
      selection.read(rows[i]!, nowMs - lookbackMs + 1, nowMs, window);
      const last = window.end - 1;
      if (last < window.start || isStaleMarker(window.values, last)) continue;
      if ((window.histograms?.[last] ?? null) !== null) continue;
      const labels = selection.labelsOf(rows[i]!);
      found.set(labels.key, { labels, timeMs: window.timesMs[last]!, value: window.values[last]! });
    }
  }
  const samples = [...found.values()].toSorted(byMetric);
  const writer = new ExpositionWriter('text');
  let family: string | null = null;
  for (const [i, { labels, timeMs, value }] of samples.entries()) {
    if (labels.metricName !== family) {
      family = labels.metricName;
      writer.type(family, 'unknown');
    }
    writer.series(labelled(labels, externalLabels), value, { timestampMs: timeMs });
    if (i % SERIES_PER_CHUNK !== SERIES_PER_CHUNK - 1) continue;
    yield writer.take();
    await pause();
  }
  yield writer.take();
}

function byMetric(a: Sample, b: Sample): number {
  return compareUtf8(a.labels.metricName, b.labels.metricName) || compareLabels(a.labels, b.labels);
}

/** An empty `instance` is written out, so that whoever scrapes this does not put its own there. */
function labelled(labels: Labels, externalLabels: Labels): Labels {
  const pairs = new Map([...externalLabels, ...labels]);
  if (!pairs.has(INSTANCE)) pairs.set(INSTANCE, '');
  const sorted = [...pairs].toSorted(([a], [b]) => compareUtf8(a, b));
  return Labels.fromSortedFlat(sorted.flat());
}
