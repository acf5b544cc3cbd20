import { describe, expect, it } from '@jest/globals';
import { logSourceOf, RecordBatch, RecordParser } from '#libs/log-pipeline';
import { Counter, Registry } from 'prom-client';
import { LogMeters } from './log-meters.ts';
import { metersSchema } from './meter-config.ts';

const SOURCE = logSourceOf(
  '/pods/shop_web-1_0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0/app/0.log',
  null,
  {},
  { labels: [], annotations: [] },
);

function recordsOf(lines: readonly string[], isJson = false): RecordBatch {
  const records = new RecordBatch(Buffer.from(lines.join('\n')), lines.length);
  const parser = new RecordParser({ name: 'p', format: 'json', messageFields: [] });
  let at = 0;
  for (const [row, line] of lines.entries()) {
    records.reserve();
    records.place(row, false, at, at + line.length);
    records.levels[row] = 2;
    at += line.length + 1;
  }
  const counters = { unparsedLines: 0, badTimes: 0 };
  const parsed = isJson ? lines.length : 0;
  for (let row = 0; row < parsed; row++) parser.apply(records, row, 0, counters);
  return records;
}

/** The lines of `/metrics` that begin with the name. */
async function shown(registry: Registry, name: string): Promise<string[]> {
  const text = await registry.metrics();
  return text.split('\n').filter((line) => line.startsWith(name));
}

function complaint(config: object): string {
  const result = metersSchema.safeParse([config]);
  return result.success ? '' : result.error.issues.map(({ message }) => message).join();
}

describe('metrics made of messages', () => {
  it('count records, add numbers and observe them, from patterns', async () => {
    const registry = new Registry();
    const meters = new LogMeters(registry);
    const pattern = 'order (?<status>\\w+) took (?<ms>[0-9.]+)';
    const refused = meters.set(
      metersSchema.parse([
        {
          name: 'orders_total',
          type: 'counter',
          pattern,
          labels: ['namespace', 'status', 'level'],
        },
        { name: 'order_ms_total', type: 'counter', pattern, value: 'ms', labels: [] },
        {
          name: 'order_seconds',
          type: 'histogram',
          pattern,
          value: 'ms',
          scale: 0.001,
          labels: ['pod'],
          buckets: [0.01, 0.1],
        },
        { name: 'other_total', type: 'counter', pattern: 'took', groups: ['b'] },
        { name: 'errors_total', type: 'counter', levels: ['error'] },
      ]),
    );
    expect(refused).toEqual([]);
    meters.add(
      'a',
      SOURCE,
      recordsOf(['order paid took 5', 'x', 'order paid took 50 ms', 'order lost took .']),
    );
    expect(await shown(registry, 'order')).toEqual([
      'orders_total{namespace="shop",status="paid",level="info"} 2',
      'orders_total{namespace="shop",status="lost",level="info"} 1',
      'order_ms_total 55',
      'order_seconds_bucket{le="0.01",pod="web-1"} 1',
      'order_seconds_bucket{le="0.1",pod="web-1"} 2',
      'order_seconds_bucket{le="+Inf",pod="web-1"} 2',
      'order_seconds_sum{pod="web-1"} 0.055',
      'order_seconds_count{pod="web-1"} 2',
    ]);
    expect(await shown(registry, 'other_total')).toEqual([]);
    expect(await shown(registry, 'errors_total')).toEqual([]);
  });

  it('read the fields of parsed messages, and bounded names of them', async () => {
    const registry = new Registry();
    const meters = new LogMeters(registry);
    meters.set(
      metersSchema.parse([
        { name: 'bytes_total', type: 'counter', value: 'size', labels: ['http.status', 'user'] },
      ]),
    );
    const long = 'u'.repeat(500);
    meters.add(
      'a',
      SOURCE,
      recordsOf(
        [
          `{"size":10,"http.status":200,"user":"${long}"}`,
          '{"size":"5","http.status":200,"user":{"a":1}}',
          '{"size":-1,"http.status":200}',
          '{"size":null}',
          '{}',
        ],
        true,
      ),
    );
    expect(await shown(registry, 'bytes_total')).toEqual([
      `bytes_total{http_status="200",user="${'u'.repeat(128)}"} 10`,
      'bytes_total{http_status="200",user=""} 5',
    ]);
  });

  it('have a bounded number of series; what is left out is counted', async () => {
    const registry = new Registry();
    const meters = new LogMeters(registry);
    const config = metersSchema.parse([
      {
        name: 'ids_total',
        type: 'counter',
        pattern: 'id (?<id>.*)',
        labels: ['id'],
        max_series: 2,
      },
    ]);
    meters.set(config);
    const records = recordsOf(['id a', 'id b', 'id c', 'id a', 'id d']);
    meters.add('a', SOURCE, records);
    expect(await shown(registry, 'ids_total')).toEqual([
      'ids_total{id="a"} 2',
      'ids_total{id="b"} 1',
    ]);
    expect(await shown(registry, 'binnacle_log_metric_dropped_total')).toEqual([
      'binnacle_log_metric_dropped_total{metric="ids_total"} 2',
    ]);
    // The same configuration goes on, another begins anew, none is gone.
    meters.set(metersSchema.parse([{ ...RAW, name: 'more_total' }]).concat(config));
    meters.add('a', SOURCE, recordsOf(['id a']));
    expect(await shown(registry, 'ids_total{id="a"}')).toEqual(['ids_total{id="a"} 3']);
    meters.set([]);
    expect(await shown(registry, 'ids_total')).toEqual([]);
  });

  it('do not take the names of other metrics', () => {
    const registry = new Registry();
    const meters = new LogMeters(registry);
    void new Counter({ name: 'up_total', help: 'x', registers: [registry] });
    expect(meters.set(metersSchema.parse([{ ...RAW, name: 'up_total' }]))).toEqual(['up_total']);
  });

  it.each([
    [{ name: 'binnacle_x_total' }, 'not a name for a metric'],
    [{ name: '1x' }, 'not a name for a metric'],
    [{ type: 'gauge' }, 'accepted are counter, histogram'],
    [{ type: 'histogram' }, 'a histogram needs'],
    [{ buckets: [1] }, 'only histograms have buckets'],
    [{ type: 'histogram', value: 'a', buckets: [2, 1] }, 'rising'],
    [{ labels: ['job'] }, 'the label job is there already'],
    [{ labels: ['a.b', 'a_b'] }, 'the label a_b is there already'],
    [{ pattern: '(' }, 'missing closing'],
  ])('are refused with a reason: %j', (config, expected) => {
    expect(complaint({ ...RAW, ...config })).toContain(expected);
  });
});

const RAW = { name: 'x_total', type: 'counter' } as const;
