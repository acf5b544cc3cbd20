import { isValidLegacyName } from '#libs/labels';
import { labelName, LOG_LEVELS, type MeterSpec, RecordMeter } from '#libs/log-pipeline';
import { z } from 'zod';

/** Names of the collector's own metrics begin like this. */
const OWN_NAME = /^(?:binnacle|process|nodejs)_/;
/** What scraping puts on every series. */
const SCRAPE_LABELS = new Set(['job', 'instance', 'le', '__name__']);

const meterShape = z.strictObject({
  name: z.string().refine((name) => isValidLegacyName(name, 'metric') && !OWN_NAME.test(name), {
    error:
      'not a name for a metric; accepted are letters, digits, _ and :, not first a digit, and not the names of the collector’s own metrics',
  }),
  help: z.string().min(1).max(1_000).default('From log messages.'),
  type: z.enum(['counter', 'histogram'], { error: 'accepted are counter, histogram' }),
  /** Groups of files; by default all. */
  groups: z.array(z.string()).min(1).optional(),
  pattern: z.string().min(1).optional(),
  levels: z.array(z.enum(LOG_LEVELS)).min(1).optional(),
  streams: z
    .array(z.enum(['stdout', 'stderr']))
    .min(1)
    .optional(),
  /** A group of the pattern or a field; what a counter adds and a histogram observes. */
  value: z.string().min(1).max(256).optional(),
  /** What the value is multiplied by: 0.001 makes seconds of milliseconds. */
  scale: z.number().positive().default(1),
  labels: z
    .array(z.string().min(1).max(256))
    .max(20)
    .default(['namespace', 'workload', 'container']),
  buckets: z.array(z.number()).min(1).max(100).optional(),
  max_series: z.int().min(1).max(100_000).default(1_000),
});

const DEFAULT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A metric that is made of log messages. */
export interface MeterConfig extends MeterSpec {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'histogram';
  /** Null for all. */
  readonly groups: readonly string[] | null;
  readonly scale: number;
  readonly buckets: readonly number[];
  readonly maxSeries: number;
}

/** The key `metrics` of `logs`. */
export const metersSchema = z
  .array(
    meterShape.transform((raw, context): MeterConfig => {
      const complain = (key: string, message: string): void => {
        context.addIssue({ code: 'custom', path: [key], message });
      };
      const meter: MeterConfig = {
        name: raw.name,
        help: raw.help,
        type: raw.type,
        groups: raw.groups ?? null,
        pattern: raw.pattern ?? null,
        levels: raw.levels ?? null,
        streams: raw.streams ?? null,
        value: raw.value ?? null,
        scale: raw.scale,
        labels: raw.labels,
        buckets: raw.buckets ?? DEFAULT_BUCKETS,
        maxSeries: raw.max_series,
      };
      if (raw.type === 'histogram' && raw.value === undefined) {
        complain(
          'value',
          'a histogram needs the group of the pattern or the field that it observes',
        );
      }
      if (raw.type === 'counter' && raw.buckets !== undefined) {
        complain('buckets', 'only histograms have buckets');
      }
      if (meter.buckets.some((bound, i) => i > 0 && bound <= meter.buckets[i - 1]!)) {
        complain('buckets', 'expected rising bounds');
      }
      const names = raw.labels.map(labelName);
      const bad = names.find((name, i) => SCRAPE_LABELS.has(name) || names.indexOf(name) < i);
      if (bad !== undefined) complain('labels', `the label ${bad} is there already`);
      try {
        void new RecordMeter(meter);
      } catch (error) {
        complain('pattern', error instanceof Error ? error.message : String(error));
      }
      return meter;
    }),
  )
  .max(200)
  .superRefine((meters, context) => {
    const seen = new Set<string>();
    meters.forEach(({ name }, index) => {
      if (seen.has(name)) {
        const message = 'another metric has this name';
        context.addIssue({ code: 'custom', path: [index, 'name'], message });
      }
      seen.add(name);
    });
  })
  .default([]);
