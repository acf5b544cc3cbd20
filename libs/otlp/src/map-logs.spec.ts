import { describe, expect, it } from '@jest/globals';
import { decodeOtlpLogsJson } from './decode-json.ts';
import { decodeOtlpLogsProtobuf } from './decode-protobuf.ts';
import { encodeExportAnswer } from './export-answer.ts';
import { mapLogs } from './map-logs.ts';

const REQUEST = {
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
      scopeLogs: [
        {
          scope: { name: 'lib' },
          logRecords: [
            {
              timeUnixNano: '1700000000123456789',
              severityNumber: 'SEVERITY_NUMBER_ERROR2',
              severityText: 'ERROR',
              body: { stringValue: 'no stock' },
              attributes: [
                {
                  key: 'a',
                  value: { kvlistValue: { values: [{ key: 'b', value: { intValue: '7' } }] } },
                },
              ],
              traceId: '5B8EFFF798038103D269B633813FC60C',
              spanId: 'eee19b7ec3c1b174',
              eventName: 'order',
            },
            {
              observedTimeUnixNano: 5,
              severityNumber: 99,
              body: { arrayValue: { values: [{ boolValue: true }] } },
            },
            {},
          ],
        },
      ],
    },
  ],
};

function flat(mapped: ReturnType<typeof mapLogs>): unknown[] {
  return [...mapped.groups].flatMap(({ resource, records }) =>
    Array.from(records, (record) =>
      Object.assign({}, record, {
        resource: Object.fromEntries(resource),
        attributes: Object.fromEntries(record.attributes),
      }),
    ),
  );
}

const none = {
  severityNumber: 0,
  severityText: '',
  attributes: {},
  traceId: '',
  spanId: '',
  eventName: '',
  scopeName: 'lib',
  resource: { 'service.name': 'shop' },
};
const EXPECTED = [
  {
    ...none,
    seconds: 1_700_000_000,
    nanos: 123_456_789,
    severityNumber: 18,
    severityText: 'ERROR',
    body: 'no stock',
    attributes: { a: { b: 7 } },
    traceId: '5b8efff798038103d269b633813fc60c',
    spanId: 'eee19b7ec3c1b174',
    eventName: 'order',
  },
  { ...none, seconds: 0, nanos: 5, body: '[true]' },
  { ...none, seconds: Number.NaN, nanos: 0, body: null },
];

/** A message of less than 128 bytes, as a field. */
function within(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2, bytes.length]), bytes]);
}

describe('logs', () => {
  it('are read from JSON with every nanosecond', () => {
    const mapped = mapLogs(decodeOtlpLogsJson(JSON.stringify(REQUEST)));
    expect(flat(mapped)).toEqual(EXPECTED);
    expect(mapped.counts).toEqual({ records: 3, rejected: 0, firstRejection: null });
  });

  it('are read from protocol buffers', () => {
    // resource_logs { scope_logs { log_records { time 1ns, severity 9, text "INFO", body "hi", trace 01.., event "e" } } }
    const record = Buffer.concat([
      Buffer.from('090100000000000000', 'hex'),
      Buffer.from('1009', 'hex'),
      Buffer.from('1a04494e464f', 'hex'),
      Buffer.from('2a040a026869', 'hex'),
      Buffer.from('4a0201ff', 'hex'),
      Buffer.from('620165', 'hex'),
    ]);
    const mapped = mapLogs(decodeOtlpLogsProtobuf(within(1, within(2, within(2, record)))));
    expect(flat(mapped)).toEqual([
      expect.objectContaining({
        seconds: 0,
        nanos: 1,
        severityNumber: 9,
        severityText: 'INFO',
        body: 'hi',
        traceId: '01ff',
        eventName: 'e',
      }),
    ]);
  });

  it('are refused one by one where they have too many attributes', () => {
    const mapped = mapLogs(decodeOtlpLogsJson(JSON.stringify(REQUEST)), {
      maxElements: 100,
      maxDepth: 20,
      maxAttributes: 0,
    });
    expect(flat(mapped)).toEqual([]);
    expect(mapped.counts).toEqual({
      records: 3,
      rejected: 3,
      firstRejection: 'a resource has 1 attributes, at most 0',
    });
  });

  it.each([
    ['[]', 'malformed_json'],
    ['{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"-1"}]}]}]}', 'malformed_json'],
    [
      '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":"LOUD"}]}]}]}',
      'malformed_json',
    ],
  ])('are refused as a whole: %s', (text, code) => {
    expect(() => decodeOtlpLogsJson(text)).toThrow(expect.objectContaining({ code }));
  });

  it('are answered under their own name', () => {
    expect(JSON.parse(String(encodeExportAnswer('json', 2, 'no', 'logs')))).toEqual({
      partialSuccess: { rejectedLogRecords: '2', errorMessage: 'no' },
    });
  });
});
