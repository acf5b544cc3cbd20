import { describe, expect, it } from '@jest/globals';
import { LIST_WATCH_DEFAULTS, ListWatch } from './list-watch.ts';

const { minBackoffMs, maxBackoffMs, pageSize } = LIST_WATCH_DEFAULTS;
const half = () => 0.5;
const FAILED = { status: 500, retryAfterMs: null };
const GONE = { status: 410, retryAfterMs: null };

describe('ListWatch', () => {
  it('lists page by page and watches from the version of the list', () => {
    const watch = new ListWatch(half);
    expect(watch.next(0)).toEqual({
      kind: 'list',
      continueToken: '',
      resourceVersion: '0',
      isExact: false,
      limit: pageSize,
    });
    expect(watch.listed({ continueToken: 'more', resourceVersion: '7' })).toBe(false);
    // A version beside a continue token would be refused.
    expect(watch.next(0)).toMatchObject({
      kind: 'list',
      continueToken: 'more',
      resourceVersion: '',
    });
    expect(watch.listed({ continueToken: '', resourceVersion: '7' })).toBe(true);
    expect(watch.next(0)).toEqual({ kind: 'watch', resourceVersion: '7', timeoutSeconds: 450 });
  });

  it('asks for pages where the cache has none, or a list without them was too large', () => {
    const paged = new ListWatch(half, { ...LIST_WATCH_DEFAULTS, isCached: false });
    expect(paged.next(0)).toMatchObject({ resourceVersion: '', limit: pageSize });
    const cached = new ListWatch(half);
    cached.failed(0, { status: 413, retryAfterMs: null });
    expect(cached.next(maxBackoffMs)).toMatchObject({ resourceVersion: '', limit: pageSize });
  });

  it('begins where somebody else has stopped, page by page', () => {
    const watch = new ListWatch(half, { ...LIST_WATCH_DEFAULTS, resumeFrom: '5' });
    const first = { continueToken: '', resourceVersion: '5', isExact: true };
    expect(watch.next(0)).toMatchObject(first);
    // A server that is busy is asked again for the same.
    watch.failed(0, { status: 429, retryAfterMs: 1_000 });
    expect(watch.next(maxBackoffMs)).toMatchObject(first);
    watch.listed({ continueToken: 'more', resourceVersion: '5' });
    expect(watch.next(maxBackoffMs)).toMatchObject({ continueToken: 'more', isExact: false });
    expect(watch.listed({ continueToken: '', resourceVersion: '5' })).toBe(true);
    expect(watch.next(maxBackoffMs)).toMatchObject({ kind: 'watch', resourceVersion: '5' });
    // Later lists are of what is newest.
    watch.failed(maxBackoffMs, GONE);
    expect(watch.next(maxBackoffMs)).toMatchObject({ resourceVersion: '', isExact: false });
  });

  it.each([400, 404, 410, 500, 504])(
    'lists what there is where a server answers %i for where somebody else has stopped',
    (status) => {
      const watch = new ListWatch(half, { ...LIST_WATCH_DEFAULTS, resumeFrom: '5' });
      watch.listed({ continueToken: 'more', resourceVersion: '5' });
      watch.failed(0, { status, retryAfterMs: null });
      expect(watch.next(maxBackoffMs)).toMatchObject({ continueToken: '', isExact: false });
    },
  );

  it('goes on where the watch ended', () => {
    const watch = watching();
    watch.advanced('12');
    watch.watchEnded(300_000, 300_000, 5);
    expect(watch.next(300_000)).toMatchObject({ kind: 'watch', resourceVersion: '12' });
  });

  it('lists anew, past the server’s cache, when its version is gone', () => {
    const watch = watching();
    watch.failed(1_000, GONE);
    expect(watch.next(1_000)).toMatchObject({
      kind: 'list',
      continueToken: '',
      resourceVersion: '',
    });
    expect(watch.relists).toBe(1);
  });

  it('begins again with the first page when a continue token has expired', () => {
    const watch = new ListWatch(half);
    watch.listed({ continueToken: 'more', resourceVersion: '7' });
    watch.failed(0, GONE);
    expect(watch.next(0)).toMatchObject({ kind: 'list', continueToken: '' });
  });

  it('does not turn in a circle when everything is always gone', () => {
    const watch = watching();
    watch.failed(0, GONE);
    watch.failed(0, GONE);
    expect(watch.next(0).kind).toBe('wait');
  });

  it('waits longer after each failure, and up to a bound', () => {
    const watch = new ListWatch(half);
    const pauses: number[] = [];
    for (let i = 0, nowMs = 0; i < 9; i++) {
      watch.failed(nowMs, FAILED);
      const step = watch.next(nowMs);
      if (step.kind !== 'wait') throw new Error(step.kind);
      pauses.push(step.untilMs - nowMs);
      nowMs = step.untilMs;
      expect(watch.next(nowMs).kind).toBe('list');
    }
    expect(pauses.slice(0, 3)).toEqual([0.75, 1.5, 3].map((factor) => factor * minBackoffMs));
    expect(Math.max(...pauses)).toBe(0.75 * maxBackoffMs);
  });

  it('obeys Retry-After, within reason', () => {
    const watch = new ListWatch(half);
    watch.failed(0, { status: 429, retryAfterMs: 60_000 });
    expect(watch.next(0)).toEqual({ kind: 'wait', untilMs: 60_000 });
    watch.failed(0, { status: 429, retryAfterMs: 1e12 });
    expect(watch.next(0)).toEqual({ kind: 'wait', untilMs: 300_000 });
  });

  it('takes a watch that ends at once and says nothing for a failure', () => {
    const watch = watching();
    watch.watchEnded(10, 10, 0);
    expect(watch.next(10).kind).toBe('wait');
  });

  it('forgets failures once something works', () => {
    const watch = new ListWatch(half);
    for (let i = 0; i < 5; i++) watch.failed(0, FAILED);
    watch.listed({ continueToken: '', resourceVersion: '1' });
    watch.failed(1e9, FAILED);
    expect(watch.next(1e9)).toEqual({ kind: 'wait', untilMs: 1e9 + 0.75 * minBackoffMs });
  });
});

function watching(): ListWatch {
  const watch = new ListWatch(half);
  watch.listed({ continueToken: '', resourceVersion: '7' });
  return watch;
}
