import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Labels, matchesAll } from '#libs/labels';
import { formatMatchers, parseMatchers } from '../matchers/parse-matchers.ts';
import {
  compareSilences,
  type PostedSilence,
  type Silence,
  SilenceError,
  silenceFits,
  silenceState,
} from './silence.ts';
import { SilenceBook } from './silence-book.ts';
import { decodeSilence, encodeSilence } from './silence-codec.ts';

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;

function posted(over: Partial<PostedSilence> = {}, matchers = 'a="b"'): PostedSilence {
  return {
    id: null,
    matchers: parseMatchers(matchers),
    startsAtMs: NOW,
    endsAtMs: NOW + HOUR,
    createdBy: 'alice',
    comment: 'maintenance',
    annotations: null,
    ...over,
  };
}

let ids = 0;

function put(book: SilenceBook, silence: PostedSilence, nowMs = NOW): string {
  const plan = book.planPut(silence, nowMs, `id-${ids++}`);
  book.commit(plan.changes);
  return plan.id;
}

function stateOf(book: SilenceBook, id: string, nowMs = NOW) {
  return silenceState(book.get(id)!, nowMs);
}

/** Puts a silence that is in force. */
function active(book: SilenceBook): string {
  return put(book, posted({ annotations: Labels.fromRecord({ k: 'v' }) }));
}

describe('SilenceBook', () => {
  it('lets a silence be pending, active and expired in turn', () => {
    const book = new SilenceBook();
    const id = put(book, posted({ startsAtMs: NOW + 1_000, endsAtMs: NOW + 2_000 }));
    expect([0, 999, 1_000, 1_999, 2_000].map((ms) => stateOf(book, id, NOW + ms))).toEqual([
      'pending',
      'pending',
      'active',
      'active',
      'expired',
    ]);
    const labels = Labels.fromRecord({ a: 'b' });
    expect([999, 1_000, 1_999, 2_000].map((ms) => book.holdsBack(labels, NOW + ms))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('has a silence start now whose start is in the past', () => {
    const book = new SilenceBook();
    const id = put(book, posted({ startsAtMs: 0 }));
    expect(book.get(id)).toMatchObject({ startsAtMs: NOW, updatedAtMs: NOW });
  });

  it('is of no effect until it is committed', () => {
    const book = new SilenceBook();
    book.planPut(posted(), NOW, 'x');
    expect(book.size).toBe(0);
    expect(book.holdsBack(Labels.fromRecord({ a: 'b' }), NOW)).toBe(false);
  });

  describe('changes a silence', () => {
    const later = NOW + 60_000;

    it('in place, if what is over stays as it was', () => {
      const book = new SilenceBook();
      const id = active(book);
      expect(put(book, posted({ id, endsAtMs: NOW + 2 * HOUR, comment: 'longer' }), later)).toBe(
        id,
      );
      expect(book.get(id)).toMatchObject({
        comment: 'longer',
        startsAtMs: NOW,
        updatedAtMs: later,
      });
      expect(book.get(id)!.annotations.get('k')).toBe('v');
      expect(book.size).toBe(1);
    });

    it.each<[string, Partial<PostedSilence>]>([
      ['other matchers', { matchers: parseMatchers('a="c"') }],
      ['the same matchers in another order', { matchers: parseMatchers('c="d",a="b"') }],
      ['another start', { startsAtMs: NOW + 30_000 }],
    ])('by ending it and making another for %s', (_, change) => {
      const book = new SilenceBook();
      const id = active(book);
      const next = put(book, posted({ id, ...change }), later);
      expect(next).not.toBe(id);
      expect(stateOf(book, id, later)).toBe('expired');
      expect(stateOf(book, next, later)).toBe('active');
      expect(book.get(next)!.annotations.get('k')).toBe('v');
    });

    it('that has ended by making another and leaving it', () => {
      const book = new SilenceBook();
      const id = active(book);
      book.commit(book.planExpiry(id, NOW + 10));
      const next = put(book, posted({ id, startsAtMs: later, endsAtMs: later + HOUR }), later);
      expect(book.get(id)!.endsAtMs).toBe(NOW + 10);
      expect(next).not.toBe(id);
    });

    it('that is pending in place, its start included', () => {
      const book = new SilenceBook();
      const id = put(book, posted({ startsAtMs: NOW + HOUR, endsAtMs: NOW + 2 * HOUR }));
      const moved = posted({ id, startsAtMs: later + 1, endsAtMs: NOW + 3 * HOUR });
      expect(put(book, moved, later)).toBe(id);
    });
  });

  it('ends a silence once, and one that has not begun before it begins', () => {
    const book = new SilenceBook();
    const id = put(book, posted({ startsAtMs: NOW + HOUR, endsAtMs: NOW + 2 * HOUR }));
    book.commit(book.planExpiry(id, NOW + 5));
    expect(book.get(id)).toMatchObject({ startsAtMs: NOW + 5, endsAtMs: NOW + 5 });
    expect(book.planExpiry(id, NOW + 6)).toEqual([]);
  });

  it.each<[string, () => PostedSilence, SilenceError['code'], RegExp]>([
    ['no matchers', () => posted({ matchers: [] }), 'invalid', /at least one matcher required/],
    ['matchers that all take nothing', () => posted({}, 'a="",b=~".*"'), 'invalid', /empty string/],
    ['an end before the start', () => posted({ endsAtMs: NOW }), 'invalid', /before end time/],
    [
      'an end in the past',
      () => posted({ startsAtMs: 0, endsAtMs: NOW - 1 }),
      'invalid',
      /in the past/,
    ],
    ['an unknown id', () => posted({ id: 'nobody' }), 'not-found', /silence not found/],
    ['a long comment', () => posted({ comment: 'x'.repeat(500) }), 'limit', /maximum size: \d+ b/],
    [
      'a bad term',
      () => posted({ annotations: Labels.fromRecord({ binnacle_repeats: 'sometimes' }) }),
      'invalid',
      /binnacle_repeats takes daily/,
    ],
  ])('refuses %s', (_, silence, code, message) => {
    const book = new SilenceBook({ maxSilences: 10, maxSilenceBytes: 400 });
    let refusal: SilenceError | null = null;
    try {
      book.planPut(silence(), NOW, 'x');
    } catch (error) {
      if (error instanceof SilenceError) refusal = error;
    }
    expect(refusal).toMatchObject({ code });
    expect(String(refusal)).toMatch(message);
  });

  it('refuses silences over its limit but lets those there are be changed', () => {
    const book = new SilenceBook({ maxSilences: 1, maxSilenceBytes: 1_000 });
    const id = put(book, posted());
    expect(() => book.planPut(posted(), NOW, 'x')).toThrow(/number of silences: 1 \(limit: 1\)/);
    expect(put(book, posted({ id, comment: 'other' }))).toBe(id);
    expect(() => book.planExpiry('x', NOW)).toThrow(/not found/);
  });

  const word = fc.constantFrom('a', 'b', 'c', '');
  const matcher = fc
    .tuple(fc.constantFrom('a', 'b', 'alertname'), fc.constantFrom('=', '!=', '=~', '!~'), word)
    .map(([name, kind, value]) => `${name}${kind}"${value}"`);

  it('finds the same silences as looking at each, while they come and go', () => {
    const step = fc.oneof(
      fc.record({ matchers: fc.array(matcher, { minLength: 1, maxLength: 3 }) }),
      fc.record({ expire: fc.nat(20) }),
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 20 }),
        fc.record({ a: word, b: word, alertname: word }),
        (steps, record) => {
          const book = new SilenceBook();
          steps.forEach((one, i) => {
            const nowMs = NOW + i;
            if ('matchers' in one) {
              const silence = posted({}, one.matchers.join(','));
              if (!silence.matchers.every((each) => each.matchesEmpty)) put(book, silence, nowMs);
            } else {
              const silence = [...book.all()][one.expire];
              if (silence !== undefined) book.commit(book.planExpiry(silence.id, nowMs));
            }
          });
          const labels = Labels.fromRecord(record);
          const nowMs = NOW + steps.length;
          const expected = [...book.all()]
            .filter(
              (one) => silenceState(one, nowMs) === 'active' && matchesAll(labels, one.matchers),
            )
            .map(({ id }) => id);
          const found = book.holding(labels, nowMs).map(({ id }) => id);
          expect(found).toEqual(expected.toSorted());
          expect(book.holdsBack(labels, nowMs)).toBe(expected.length > 0);
        },
      ),
    );
  });

  it('is the same after it was written down and read', () => {
    fc.assert(
      fc.property(
        fc.array(matcher, { minLength: 1, maxLength: 3 }),
        fc.string({ unit: 'binary' }),
        (matchers, comment) => {
          const silence: Silence = {
            ...posted({ comment }, matchers.join(',')),
            id: 'x',
            updatedAtMs: 1,
            annotations: Labels.fromRecord({ __proto__x: 'y', z: comment }),
          };
          const read = decodeSilence(encodeSilence(silence))!;
          expect(JSON.parse(encodeSilence(read))).toEqual(JSON.parse(encodeSilence(silence)));
          expect(formatMatchers(read.matchers)).toBe(formatMatchers(silence.matchers));
        },
      ),
    );
  });

  it.each(['', '{', '{}', '[]', '{"id":"x","matchers":[["a","=~","("]]}'])(
    'takes %j for no silence',
    (text) => {
      expect(decodeSilence(text)).toBeNull();
    },
  );
});

describe('a query for silences', () => {
  it.each([
    ['job="a.*"', true],
    ['job=~"a.+"', true],
    ['job="api"', false],
    ['alertname="X"', true],
    ['alertname!="X"', false],
    ['other="x"', false],
    ['other=""', true],
    ['other!="x"', true],
    ['job!=""', true],
  ])('by %s: %j', (condition, expected) => {
    const silence = {
      ...posted({}, 'alertname="X",job=~"a.*"'),
      id: 'x',
      updatedAtMs: 0,
      annotations: Labels.EMPTY,
    };
    expect(silenceFits(silence, parseMatchers(condition))).toBe(expected);
  });

  it('lists what is in force first', () => {
    const book = new SilenceBook();
    put(book, posted({ endsAtMs: NOW + 20, comment: 'active, ends later' }));
    put(book, posted({ startsAtMs: NOW + 9, comment: 'pending, later' }));
    put(book, posted({ startsAtMs: NOW + 5, comment: 'pending, sooner' }));
    put(book, posted({ endsAtMs: NOW + 10, comment: 'active, ends sooner' }));
    for (const [i, comment] of ['expired first', 'expired last'].entries()) {
      const id = put(book, posted({ comment }), NOW - 10);
      book.commit(book.planExpiry(id, NOW - 5 + i));
    }
    const listed = [...book.all()].toSorted((a, b) => compareSilences(a, b, NOW));
    expect(listed.map(({ comment }) => comment)).toEqual([
      'active, ends sooner',
      'active, ends later',
      'pending, sooner',
      'pending, later',
      'expired last',
      'expired first',
    ]);
  });
});
