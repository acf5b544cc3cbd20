import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MsgpackWriter } from '#libs/forward';
import { type LineBatch, PushDecoder, readMetadata } from '#libs/log-store';
import { EngineBody } from './engine-body.ts';
import type { LogChunk } from './log-chunk.ts';

const OPTIONS = { labels: { cluster: 'c1' }, labelFields: ['namespace', 'app', 'level'] };

interface Sent {
  readonly seconds: number;
  readonly nanos: number;
  readonly record: Readonly<Record<string, unknown>>;
}

function chunkOf(records: readonly Sent[], tag = 'kube.pods'): LogChunk {
  const writer = new MsgpackWriter();
  for (const { seconds, nanos, record } of records) {
    writer.arrayHeader(2);
    writer.eventTime(seconds, nanos);
    writer.value(record);
  }
  return { tag, entries: Buffer.from(writer.written), count: records.length };
}

/** What an engine reads of a body, a line each. */
function linesOf(batch: LineBatch): object[] {
  const lines: object[] = [];
  let line = 0;
  for (const [s, labels] of batch.streams.entries()) {
    for (; line < batch.streamEnds[s]!; line++) {
      const metadata = readMetadata(
        batch.metadata.subarray(batch.metadataStarts[line], batch.metadataEnds[line]),
      );
      const high = BigInt(batch.words[2 * line + 1]!);
      lines.push({
        labels: labels.toRecord(),
        timeNs: (high << 32n) | BigInt(batch.words[2 * line]!),
        line: batch.bytes.toString('utf8', batch.starts[line], batch.ends[line]),
        metadata: Object.fromEntries(metadata),
      });
    }
  }
  return lines;
}

function sent(records: readonly Sent[]): object[] {
  const { body } = new EngineBody(OPTIONS).of([chunkOf(records)]);
  return linesOf(new PushDecoder().decode(body));
}

describe('a body for the engine', () => {
  it('makes labels of what is bounded, and structured metadata of all else', () => {
    const record = {
      namespace: 'shop',
      pod: 'web-1',
      labels: { 'app.kubernetes.io/name': 'web' },
      level: 'error',
      stream: 'stderr',
      message: 'it "broke"\n',
      code: 500,
    };
    expect(sent([{ seconds: 1_700_000_000, nanos: 5, record }])).toEqual([
      {
        labels: {
          tag: 'kube.pods',
          cluster: 'c1',
          namespace: 'shop',
          app: 'web',
          level: 'error',
        },
        timeNs: 1_700_000_000_000_000_005n,
        line: 'it "broke"\n',
        metadata: {
          pod: 'web-1',
          labels_app_kubernetes_io_name: 'web',
          stream: 'stderr',
          code: '500',
        },
      },
    ]);
  });
  it('sends a record without a message as JSON', () => {
    const record = { namespace: 'shop', level: 'info', reason: 'Killing' };
    expect(sent([{ seconds: 1, nanos: 0, record }])).toEqual([
      expect.objectContaining({
        labels: { tag: 'kube.pods', cluster: 'c1', namespace: 'shop', level: 'info' },
        line: JSON.stringify(record),
      }),
    ]);
  });
  it('counts the fields that are too many', () => {
    const extra = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, 'x']));
    const [line] = sent([{ seconds: 1, nanos: 0, record: { message: 'm', ...extra } }]);
    expect(line).toMatchObject({ metadata: { f0: 'x', fields_left_out: '80' } });
  });
  it('holds every record with its time, message, level and fields, whatever they are', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 30 });
    const told = { namespace: fc.constantFrom('a', 'b'), level: fc.constantFrom('info', 'error') };
    const record = fc.oneof(
      fc.record({ ...told, message: text }),
      fc.record({ ...told, message: text, extra: text.filter((one) => one !== '') }),
    );
    const entry = fc.record({
      seconds: fc.nat(4_000_000_000),
      nanos: fc.nat(999_999_999),
      record,
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 30 }), (records) => {
        const expected = records.map(({ seconds, nanos, record: one }) => ({
          labels: {
            tag: 'kube.pods',
            cluster: 'c1',
            namespace: one.namespace,
            level: one.level,
          },
          timeNs: BigInt(seconds) * 1_000_000_000n + BigInt(nanos),
          line: one.message,
          metadata: 'extra' in one ? { extra: one.extra } : {},
        }));
        const found = sent(records);
        expect(found).toHaveLength(expected.length);
        expect(found).toEqual(expect.arrayContaining(expected));
      }),
    );
  });
});
