import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Moment, TimeFormat, TimeFormatError } from './index.ts';

const NOW = Date.parse('2026-03-01T08:00:00Z') / 1000;
const moment = new Moment();

/** As RFC 3339 with nanoseconds, or null. */
function read(format: string, text: string, offsetSeconds = 0, nowSeconds = NOW): string | null {
  const bytes = Buffer.from(`<${text}>`);
  const isTime = new TimeFormat(format, offsetSeconds).read(
    bytes,
    1,
    bytes.length - 1,
    nowSeconds,
    moment,
  );
  if (!isTime) return null;
  const whole = new Date(moment.seconds * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(moment.nanos).padStart(9, '0')}Z`;
}

describe('a time format', () => {
  it.each([
    ['rfc3339', '2026-02-03T04:05:06.789+01:00', '2026-02-03T03:05:06.789000000Z'],
    ['unix', '1772352000', '2026-03-01T08:00:00.000000000Z'],
    ['unix', '1772352000.123456789', '2026-03-01T08:00:00.123456789Z'],
    ['unix', '-1.5', '1969-12-31T23:59:58.500000000Z'],
    ['unix_ms', '1772352000123', '2026-03-01T08:00:00.123000000Z'],
    ['unix_ms', '5', '1970-01-01T00:00:00.005000000Z'],
    ['unix_us', '1772352000123456', '2026-03-01T08:00:00.123456000Z'],
    ['unix_ns', '1772352000123456789', '2026-03-01T08:00:00.123456789Z'],
    ['%Y-%m-%d %H:%M:%S.%L', '2026-02-03 04:05:06.7', '2026-02-03T04:05:06.700000000Z'],
    ['%Y-%m-%d %H:%M:%S,%f %z', '2026-02-03 04:05:06,789 -0230', '2026-02-03T06:35:06.789000000Z'],
    ['%d/%b/%Y:%H:%M:%S %z', '28/Jul/2006:10:27:10 -0300', '2006-07-28T13:27:10.000000000Z'],
    ['%a %b %e %T %Y', 'Sun Mar  1 07:08:09 2026', '2026-03-01T07:08:09.000000000Z'],
    ['%FT%T%z', '2026-02-03T04:05:06Z', '2026-02-03T04:05:06.000000000Z'],
    ['%y%j %I:%M %p', '26032 12:30 AM', '2026-02-01T00:30:00.000000000Z'],
    ['%m/%d/%Y %I:%M:%S %p', '02/03/2026 01:00:00 pm', '2026-02-03T13:00:00.000000000Z'],
    ['%A, %d %B %Y %R %Z', 'Tuesday, 3 February 2026 04:05 CET', '2026-02-03T03:05:00.000000000Z'],
    ['[%s]', '[1772352000]', '2026-03-01T08:00:00.000000000Z'],
    ['2006-01-02 15:04:05.000', '2026-02-03 04:05:06.789', '2026-02-03T04:05:06.789000000Z'],
    ['2006-01-02T15:04:05.999Z07:00', '2026-02-03T04:05:06Z', '2026-02-03T04:05:06.000000000Z'],
    ['02 Jan 06 15:04 MST', '03 Feb 26 04:05 UTC', '2026-02-03T04:05:00.000000000Z'],
    [
      'Monday, January _2 2006 3:04PM',
      'Tuesday, February  3 2026 4:05PM',
      '2026-02-03T16:05:00.000000000Z',
    ],
  ])('%s reads %s', (format, text, expected) => {
    expect(read(format, text)).toBe(expected);
  });

  it.each([
    ['rfc3339', '2026-02-03 04:05'],
    ['unix', ''],
    ['unix', '-'],
    ['unix', '123456789012345'],
    ['unix', '1e9'],
    ['unix_ns', '17723520001234567890123'],
    ['%Y-%m-%d', '2026-02-30'],
    ['%Y-%m-%d', '2026-02-03x'],
    ['%Y-%m-%d', '2026-02'],
    ['%Y-%m-%d', '2026_02_03'],
    ['%H:%M', '24:00'],
    ['%H:%M', '10:60'],
    ['%I:%M %p', '13:00 PM'],
    ['%I:%M %p', '10:00 XM'],
    ['%b %d', 'Foo 01'],
    ['%H:%M %Z', '10:00 ZZZ'],
    ['%H:%M %z', '10:00 0100'],
    ['%H:%M %z', '10:00 +2500'],
  ])('%s does not read %s', (format, text) => {
    expect(read(format, text)).toBeNull();
  });

  it('takes what a text leaves out from now, and is never more than a day ahead', () => {
    expect(read('%b %d %H:%M:%S', 'Feb 27 10:00:00')).toBe('2026-02-27T10:00:00.000000000Z');
    expect(read('%b %d %H:%M:%S', 'Dec 31 23:59:59')).toBe('2025-12-31T23:59:59.000000000Z');
    expect(read('%H:%M', '07:00')).toBe('2026-03-01T07:00:00.000000000Z');
    expect(read('%b %d', 'Feb 29')).toBeNull();
  });

  it('takes an offset for times that tell none', () => {
    expect(read('%Y-%m-%d %H:%M', '2026-02-03 04:05', 7200)).toBe('2026-02-03T02:05:00.000000000Z');
    expect(read('%Y-%m-%d %H:%M %z', '2026-02-03 04:05 +00:00', 7200)).toBe(
      '2026-02-03T04:05:00.000000000Z',
    );
    // On the other side of midnight it is tomorrow already.
    const late = Date.parse('2026-03-01T23:30:00Z') / 1000;
    expect(read('%H:%M', '01:00', 7200, late)).toBe('2026-03-01T23:00:00.000000000Z');
  });

  it.each(['%Q', '%', 'hello', '%Z', `%Y ${'x'.repeat(300)}`, '%Y é'])(
    '%s is refused',
    (format) => {
      expect(() => new TimeFormat(format)).toThrow(TimeFormatError);
    },
  );

  it('reads back what it would write, and survives everything else', () => {
    const format = new TimeFormat('%Y-%m-%dT%H:%M:%S.%L%z');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_102_444_800_000 }), (ms) => {
        const bytes = Buffer.from(new Date(ms).toISOString());
        expect(format.read(bytes, 0, bytes.length, NOW, moment)).toBe(true);
        expect(moment.seconds * 1000 + moment.nanos / 1e6).toBe(ms);
      }),
    );
    const formats = ['unix_ms', '%c', '%b %d %T', '02 Jan 06 15:04:05.999 MST'];
    fc.assert(
      fc.property(fc.constantFrom(...formats), fc.uint8Array({ maxLength: 40 }), (name, bytes) => {
        const isTime = new TimeFormat(name).read(bytes, 0, bytes.length, NOW, moment);
        expect(!isTime || Number.isFinite(moment.seconds)).toBe(true);
      }),
    );
  });
});
