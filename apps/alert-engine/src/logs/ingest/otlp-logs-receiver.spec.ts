import { describe, expect, it } from '@jest/globals';
import type { LineAppendReport, LineRejectReason } from '#libs/log-store';
import type { IngestMetrics } from '../../ingest/ingest-metrics.ts';
import { OtlpLogsReceiver } from './otlp-logs-receiver.ts';

const METRICS = { received: () => {}, malformed: () => {} } as unknown as IngestMetrics;
const REQUEST = Buffer.from(
  JSON.stringify({
    resourceLogs: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'web' } }] },
        scopeLogs: [{ logRecords: [{ timeUnixNano: '1', body: { stringValue: 'a line' } }] }],
      },
    ],
  }),
);

function reportOf(reason: LineRejectReason): LineAppendReport {
  const rejected = { [reason]: 1 } as unknown as LineAppendReport['rejected'];
  const firstRejection = { reason, stream: '{service_name="web"}', timeNs: 1n };
  return { accepted: 0, bytes: 0, repeated: 0, rejected, rejectedTotal: 1, firstRejection };
}

describe('OtlpLogsReceiver', () => {
  it.each<[number, LineRejectReason]>([
    [429, 'stream_rate_limit'],
    [200, 'line_too_long'],
  ])('answers %d where a record was refused for %s', async (status, reason) => {
    const receiver = new OtlpLogsReceiver({ append: async () => reportOf(reason) }, METRICS);
    const form = { encoding: 'json', isGzipped: false } as const;
    const reply = await receiver.receive(REQUEST, form);
    expect(reply.status).toBe(status);
    expect(reply.headers['retry-after']).toBe(status === 429 ? '1' : undefined);
    expect(String(reply.body)).toContain('web');
  });
});
