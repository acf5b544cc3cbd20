import { createExpositionParser } from '#libs/exposition';
import { Labels } from '#libs/labels';
import { type SampleBatch, SampleBatchBuilder } from '#libs/samples';

/** What is wrong with one of Binnacle's own processes, in the words of its metrics. */
export interface OwnFault {
  /** A series as it stands in the text; the program must have it or its metric. */
  readonly series: string;
  /** What it shows from the beginning of the fault. */
  readonly value?: number;
  /** By how much it grows. */
  readonly perMinute?: number;
}

/** One process and what it says of itself. */
export interface OwnProcess {
  readonly labels: Readonly<Record<string, string>>;
  /** A real program's `/metrics`. */
  readonly text: string;
  readonly faults: readonly OwnFault[];
}

/** Samples of Binnacle's own processes, from what real ones say. */
export class OwnMetrics {
  readonly #external: Readonly<Record<string, string>>;
  readonly #series = new Map<string, Labels>();

  constructor(externalLabels: Readonly<Record<string, string>>) {
    this.#external = externalLabels;
  }

  /** @param minutes since the faults began; below 0 they have not */
  batch(processes: readonly OwnProcess[], nowMs: number, minutes: number): SampleBatch {
    const builder = new SampleBatchBuilder();
    for (const { labels, text, faults } of processes) {
      const target = { ...this.#external, ...labels };
      const values = new Map<string, number>([
        ['up', 1],
        ['scrape_duration_seconds', 0.004],
      ]);
      for (const line of text.split('\n')) {
        if (line === '' || line.startsWith('#')) continue;
        const at = line.lastIndexOf(' ');
        values.set(line.slice(0, at), Number(line.slice(at + 1)));
      }
      values.set('scrape_samples_scraped', values.size);
      if (minutes >= 0) {
        for (const { series, value, perMinute = 0 } of faults) {
          const [name] = series.split('{');
          if (!values.has(series) && !text.includes(`# TYPE ${name} `)) {
            throw new Error(`no program has ${name}`);
          }
          values.set(series, value ?? (values.get(series) ?? 0) + perMinute * minutes);
        }
      }
      for (const [series, value] of values) {
        builder.addSeries(this.#labelsOf(target, series));
        builder.addSample(nowMs, value);
      }
    }
    return builder.take();
  }

  #labelsOf(target: Readonly<Record<string, string>>, series: string): Labels {
    const key = `${target['job']} ${target['instance']} ${series}`;
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const parser = createExpositionParser('text', Buffer.from(`${series} 0\n`));
    while (parser.next() !== 'series');
    const labels = Labels.fromRecord({ ...target, ...parser.labels().toRecord() });
    this.#series.set(key, labels);
    return labels;
  }
}
