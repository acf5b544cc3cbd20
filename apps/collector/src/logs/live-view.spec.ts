import { describe, expect, it } from '@jest/globals';
import { MsgpackWriter } from '#libs/forward';
import { Registry } from 'prom-client';
import { LiveFilter, type LiveQuery } from './live-filter.ts';
import { LiveView, TooManyListenersError } from './live-view.ts';
import type { LogChunk } from './log-chunk.ts';

function chunkOf(...records: object[]): LogChunk {
  const writer = new MsgpackWriter();
  for (const record of records) {
    writer.arrayHeader(2);
    writer.eventTime(1_700_000_000, 0);
    writer.value(record);
  }
  return { tag: 't', entries: Buffer.from(writer.written), count: records.length };
}

const of = (query: LiveQuery = {}): LiveFilter => new LiveFilter(query);

describe('the live view', () => {
  it('has nothing to do while nobody watches', () => {
    const view = new LiveView(new Registry());
    expect(view.isWatched).toBe(false);
    const listener = view.listen(of());
    expect(view.isWatched).toBe(true);
    listener.close();
    listener.close();
    expect(view.isWatched).toBe(false);
  });

  it('shows what came by inputs, filtered', async () => {
    const view = new LiveView(new Registry());
    const all = view.listen(of());
    const some = view.listen(of({ namespace: 'shop', level: 'warn', grep: 'b' }));
    view.offerChunk(
      chunkOf(
        { namespace: 'shop', pod: 'p', level: 'warn', message: 'a' },
        { namespace: 'shop', pod: 'p', level: 'error', message: 'b' },
        { namespace: 'shop', level: 'unknown', message: 'b' },
        { level: 'error', message: 'b' },
      ),
    );
    expect((await all.next())?.records.map(({ message }) => message)).toEqual(['a', 'b', 'b', 'b']);
    expect(await some.next()).toEqual({
      records: [
        {
          time: '2023-11-14T22:13:20.000Z',
          namespace: 'shop',
          pod: 'p',
          container: '',
          level: 'error',
          stream: '',
          message: 'b',
        },
      ],
      dropped: 0,
    });
  });

  it('leaves out what a slow watcher has no room for, and says how many', async () => {
    const registry = new Registry();
    const view = new LiveView(registry);
    const listener = view.listen(of());
    const records = Array.from({ length: 2_500 }, () => ({ message: 'x' }));
    view.offerChunk(chunkOf(...records));
    const news = await listener.next();
    expect(news!.records.length).toBeLessThanOrEqual(2_000);
    expect(news!.records.length + news!.dropped).toBe(2_500);
    expect(await registry.metrics()).toMatch(/binnacle_log_live_dropped_total\{reason="\w+"\} \d/);
  });

  it('takes so many and no more, and none after the end', async () => {
    const view = new LiveView(new Registry());
    const listeners = Array.from({ length: 16 }, () => view.listen(of()));
    expect(() => view.listen(of())).toThrow(TooManyListenersError);
    const waiting = listeners[0]!.next();
    view.onModuleDestroy();
    expect(await waiting).toBeNull();
    expect(view.isWatched).toBe(false);
    expect(() => view.listen(of())).toThrow(TooManyListenersError);
  });
});
