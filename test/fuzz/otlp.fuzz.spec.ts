import { describe } from '@jest/globals';
import { decodeOtlpJson, decodeOtlpProtobuf, mapMetrics, OtlpError } from '#libs/otlp';
import { itWithstands, promise } from './fuzz.ts';

const LIMITS = { maxElements: 2_000, maxDepth: 20, maxAttributes: 16 };

/** A gauge `a` of one point; a counter with an exemplar is in the JSON. */
const GAUGE = Buffer.from('0a1a121812160a01612a110a0f190000c1e0e2bf97172100000000', 'hex');
const PROTOBUF = [
  Buffer.from('0a17121512130a01612a0e0a0c2100000000000000404001', 'hex').subarray(0, 25),
  Buffer.from('0a0d120b12090a01612a040a024001', 'hex'),
  GAUGE,
];
const JSON_TEXTS = [
  '{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"scopeMetrics":' +
    '[{"metrics":[{"name":"a","unit":"s","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":' +
    '[{"timeUnixNano":"1700000000000000000","asInt":"3","exemplars":[{"asDouble":1,"traceId":"ab"}]}]}}]}]}]}',
  '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"h","exponentialHistogram":{"aggregationTemporality":2,' +
    '"dataPoints":[{"count":"3","scale":9,"positive":{"offset":1,"bucketCounts":["1","2"]}}]}}]}]}]}',
];

function check(request: Parameters<typeof mapMetrics>[0]): boolean {
  const { batch, points, rejectedPoints } = mapMetrics(request, LIMITS);
  promise(rejectedPoints <= points, 'more points refused than came');
  promise(batch.firstSample[batch.labels.length] === batch.sampleCount, 'columns do not add up');
  for (const labels of batch.labels) promise(labels.metricName !== '', 'a series without a name');
  return batch.sampleCount > 0;
}

describe('OTLP', () => {
  itWithstands({
    name: 'OTLP protobuf',
    corpus: PROTOBUF,
    tokens: ['\x0a', '\x12', '\x00', '\x7f', '\x2a\x02', '\x3a\x00', '\x4a\x00', '\x52\x00'],
    refusals: [OtlpError],
    decode: (input) => check(decodeOtlpProtobuf(input, LIMITS)),
  });
  itWithstands({
    name: 'OTLP JSON',
    corpus: JSON_TEXTS,
    tokens: [
      '{',
      '}',
      '[',
      ']',
      '"',
      ',',
      '"NaN"',
      '-1',
      '1e400',
      'null',
      '"__proto__":{}',
      '"summary":{}',
    ],
    refusals: [OtlpError],
    decode: (input) => check(decodeOtlpJson(input.toString('utf8'), LIMITS)),
  });
});
