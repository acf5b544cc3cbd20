import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, it } from '@jest/globals';
import {
  ContentTypeError,
  createExpositionParser,
  type Exemplar,
  ExpositionError,
  type ExpositionParser,
  formatGoFloat,
  selectFormat,
} from '#libs/exposition';
import type { BucketSpan, FloatHistogram } from '#libs/histogram';
import { describeConformance } from '../support/conformance.ts';

interface ExpectedRecord {
  readonly file: string;
  readonly content_type: string;
  readonly parses: boolean;
  readonly error: string | null;
  readonly entries: readonly object[];
}

/** What the parser makes of a body, in the notation of the expected records. */
function read(body: Buffer, contentType: string): { entries: object[]; error: Error | null } {
  const entries: object[] = [];
  try {
    const { format } = selectFormat(contentType, null);
    // The recording parser began to leave out `_created` lines with the first series; in one body that is such a line.
    const skipsCreatedSeries = !/^(?:#.*\n)*\w+_created /.test(body.toString());
    const parser = createExpositionParser(format, body, {
      skipsCreatedSeries,
      readsNativeHistograms: true,
    });
    for (let kind = parser.next(); kind !== null; kind = parser.next()) {
      entries.push(entryOf(parser, kind));
    }
    return { entries, error: null };
  } catch (error) {
    if (error instanceof ExpositionError || error instanceof ContentTypeError) {
      return { entries, error };
    }
    throw error;
  }
}

function entryOf(parser: ExpositionParser, kind: string): object {
  switch (kind) {
    case 'type':
      return { kind, name: parser.metricFamily(), type: parser.metricType };
    case 'help':
      return { kind, name: parser.metricFamily(), help: parser.text() };
    case 'unit':
      return { kind, name: parser.metricFamily(), unit: parser.text() };
    case 'comment':
      return { kind, text: parser.text() };
    case 'histogram':
      return histogramOf(parser);
    default:
      return seriesOf(parser);
  }
}

function seriesOf(parser: ExpositionParser): object {
  const createdMs = parser.createdMs();
  const exemplars = parser.exemplars().map(exemplarOf);
  return {
    kind: 'series',
    labels: recordOf(parser.flatLabels()),
    value: shownValue(parser.valueColumn),
    ...(Number.isNaN(parser.timestampMs) ? {} : { timestamp_ms: parser.timestampMs }),
    ...(exemplars.length > 0 ? { exemplars } : {}),
    ...(Number.isNaN(createdMs) ? {} : { created_ms: createdMs }),
  };
}

function histogramOf(parser: ExpositionParser): object {
  const createdMs = parser.createdMs();
  return {
    kind: 'histogram',
    labels: recordOf(parser.flatLabels()),
    histogram: shownHistogram(parser.histogram()),
    ...(Number.isNaN(createdMs) ? {} : { created_ms: createdMs }),
  };
}

/** In the notation of the records: fields that are not zero, and all buckets from the first to the last. */
function shownHistogram(histogram: FloatHistogram): string {
  const { schema, count, sum, zeroCount, zeroThreshold } = histogram;
  const fields = [
    ...numbered({ schema, count, sum, z_bucket: zeroCount, z_bucket_w: zeroThreshold }),
    ...shownBuckets('', histogram.positiveSpans, histogram.positiveBuckets),
    ...shownBuckets('n_', histogram.negativeSpans, histogram.negativeBuckets),
  ];
  return `{{${fields.join(' ')}}}`;
}

function shownBuckets(
  prefix: string,
  spans: readonly BucketSpan[],
  counts: readonly number[],
): string[] {
  if (counts.length === 0) return [];
  const buckets: number[] = [];
  let at = 0;
  for (const [i, { offset, length }] of spans.entries()) {
    if (i > 0) for (let gap = 0; gap < offset; gap++) buckets.push(0);
    buckets.push(...counts.slice(at, at + length));
    at += length;
  }
  // The notation of the recording program has all empty buckets in one place, behind the first that are not.
  const firstEmpty = buckets.indexOf(0);
  const shown =
    firstEmpty < 0
      ? buckets
      : [
          ...buckets.slice(0, firstEmpty),
          ...buckets.filter((count) => count === 0),
          ...buckets.slice(firstEmpty).filter((count) => count !== 0),
        ];
  return [
    ...numbered({ [`${prefix}offset`]: spans[0]!.offset }),
    `${prefix}buckets:[${shown.map(formatGoFloat).join(' ')}]`,
  ];
}

function numbered(fields: Readonly<Record<string, number>>): string[] {
  return Object.entries(fields)
    .filter(([, value]) => value !== 0)
    .map(([name, value]) => `${name}:${formatGoFloat(value)}`);
}

function exemplarOf({ labels, value, timestampMs }: Exemplar): object {
  const written = { labels: labels.toRecord(), value: formatGoFloat(value) };
  return Number.isNaN(timestampMs) ? written : { ...written, timestamp_ms: timestampMs };
}

function recordOf(flat: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) record[flat[i]!] = flat[i + 1]!;
  return record;
}

function shownValue(column: Float64Array): string {
  if (!Number.isNaN(column[0])) return formatGoFloat(column[0]!);
  const bits = Buffer.from(column.buffer, column.byteOffset, 8).readBigUInt64LE();
  return `NaN(0x${bits.toString(16)})`;
}

describeConformance('Prometheus’s scrape parser agrees on', ['exposition'], (root) => {
  for (const list of ['cases', 'exporters', 'exporters-protobuf', 'upstream']) {
    const records = readFileSync(join(root, `${list}.expected.ndjson`), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ExpectedRecord);
    for (const record of records) {
      it(`${record.file} as ${record.content_type || 'no content type'}`, () => {
        const body = readFileSync(join(root, record.file));
        const { entries, error } = read(body, record.content_type);
        expect({ parses: error === null, reason: error?.message }).toMatchObject({
          parses: record.parses,
        });
        expect(entries).toEqual(record.entries);
      });
    }
  }
});

describeConformance('bodies of a real cluster', ['exposition', 'kubernetes'], (folder) => {
  it.each(readdirSync(folder))('%s are read to the end', (file) => {
    const stored = readFileSync(join(folder, file));
    const body = file.endsWith('.gz') ? gunzipSync(stored) : stored;
    const { entries, error } = read(body, 'text/plain');
    expect(error).toBeNull();
    const lines = body.toString().split('\n');
    expect(entries).toHaveLength(lines.filter((line) => line !== '').length);
  });
});
