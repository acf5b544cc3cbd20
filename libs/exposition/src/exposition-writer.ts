import { isValidLegacyName, type Labels, METRIC_NAME } from '#libs/labels';
import type { Exemplar, WrittenFormat, MetricType } from './exposition-parser.ts';
import { formatGoFloat, formatOpenMetricsFloat } from './go-float.ts';

/** The text format knows fewer types; these stand in for the others, as in the official Python client. */
const TEXT_TYPES: Readonly<Record<MetricType, string>> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  gaugehistogram: 'histogram',
  summary: 'summary',
  info: 'gauge',
  stateset: 'gauge',
  unknown: 'untyped',
};

/** What a series line may carry beside its value. */
export interface SeriesExtras {
  readonly timestampMs?: number;
  /** Written in OpenMetrics only. */
  readonly exemplar?: Exemplar;
}

/**
 * Writes a metrics body line by line. The caller gives the lines in the order the format asks for: a family's metadata,
 * then its series; nothing is sorted or checked here.
 */
export class ExpositionWriter {
  readonly #isOpenMetrics: boolean;
  #body = '';

  constructor(format: WrittenFormat) {
    this.#isOpenMetrics = format === 'openmetrics';
  }

  /** The Content-Type that belongs to the body. */
  get contentType(): string {
    return this.#isOpenMetrics
      ? 'application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8'
      : 'text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8';
  }

  type(family: string, type: MetricType): void {
    const written = this.#isOpenMetrics ? type : TEXT_TYPES[type];
    this.#body += `# TYPE ${metadataName(family)} ${written}\n`;
  }

  help(family: string, text: string): void {
    const escaped = this.#isOpenMetrics ? escapeQuoted(text) : escapeHelp(text);
    this.#body += `# HELP ${metadataName(family)} ${escaped}\n`;
  }

  /** Written in OpenMetrics only; the family's name must end with `_` and the unit. */
  unit(family: string, unit: string): void {
    if (this.#isOpenMetrics) this.#body += `# UNIT ${metadataName(family)} ${unit}\n`;
  }

  series(labels: Labels, value: number, extras: SeriesExtras = {}): void {
    this.#body += `${writtenSeries(labels)} ${this.#float(value)}`;
    const { timestampMs, exemplar } = extras;
    if (timestampMs !== undefined) this.#body += ` ${this.#timestamp(timestampMs)}`;
    if (exemplar !== undefined && this.#isOpenMetrics) {
      this.#body += ` # {${writtenLabels(exemplar.labels).join(',')}} ${this.#float(exemplar.value)}`;
      if (!Number.isNaN(exemplar.timestampMs)) {
        this.#body += ` ${this.#timestamp(exemplar.timestampMs)}`;
      }
    }
    this.#body += '\n';
  }

  /** The first `count` samples of two columns as lines of one series, each with its time. */
  samples(labels: Labels, timesMs: Float64Array, values: Float64Array, count: number): void {
    const series = writtenSeries(labels);
    for (let i = 0; i < count; i++) {
      this.#body += `${series} ${this.#float(values[i]!)} ${this.#timestamp(timesMs[i]!)}\n`;
    }
  }

  /** How long what was written since the last piece is, in characters. */
  get length(): number {
    return this.#body.length;
  }

  /** What was written since the last piece, for a body that is sent as it is made; {@link take} gives the last one. */
  takePiece(): string {
    const piece = this.#body;
    this.#body = '';
    return piece;
  }

  /** The whole body, or what is left of it; the writer is empty afterwards. */
  take(): string {
    const body = this.#isOpenMetrics ? `${this.#body}# EOF\n` : this.#body;
    this.#body = '';
    return body;
  }

  #float(value: number): string {
    return this.#isOpenMetrics ? formatOpenMetricsFloat(value) : formatGoFloat(value);
  }

  #timestamp(timestampMs: number): string {
    return this.#isOpenMetrics ? writtenSeconds(timestampMs) : String(timestampMs);
  }
}

/** Milliseconds as decimal seconds, digit by digit, since a division would round. */
function writtenSeconds(timestampMs: number): string {
  const magnitude = Math.abs(timestampMs);
  const rest = magnitude % 1000;
  const sign = timestampMs < 0 ? '-' : '';
  const whole = Math.floor(magnitude / 1000);
  return rest === 0 ? `${sign}${whole}` : `${sign}${whole}.${String(rest).padStart(3, '0')}`;
}

function writtenSeries(labels: Labels): string {
  const { metricName } = labels;
  const isBare = isValidLegacyName(metricName, 'metric');
  const parts = writtenLabels(labels);
  if (!isBare && metricName !== '') parts.unshift(`"${escapeQuoted(metricName)}"`);
  const name = isBare ? metricName : '';
  return parts.length === 0 && isBare ? name : `${name}{${parts.join(',')}}`;
}

function writtenLabels(labels: Labels): string[] {
  const parts: string[] = [];
  for (const [name, value] of labels) {
    if (name === METRIC_NAME) continue;
    const written = isValidLegacyName(name, 'label') ? name : `"${escapeQuoted(name)}"`;
    parts.push(`${written}="${escapeQuoted(value)}"`);
  }
  return parts;
}

function metadataName(family: string): string {
  return isValidLegacyName(family, 'metric') ? family : `"${escapeQuoted(family)}"`;
}

function escapeQuoted(text: string): string {
  return text.replaceAll(/["\\\n]/g, (character) =>
    character === '\n' ? '\\n' : `\\${character}`,
  );
}

function escapeHelp(text: string): string {
  return text.replaceAll(/[\\\n]/g, (character) => (character === '\n' ? '\\n' : '\\\\'));
}
