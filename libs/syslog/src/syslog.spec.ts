import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseSyslog } from './parse-syslog.ts';
import { SyslogSplitter } from './syslog-splitter.ts';

const NOW_MS = Date.UTC(2026, 0, 2, 12, 0, 0);

/** What a message says, without what it does not say. */
function told(text: string | Buffer, zoneMinutes = 0): Record<string, unknown> {
  const parsed = parseSyslog(Buffer.from(text), { nowMs: NOW_MS, zoneMinutes });
  const all: Record<string, unknown> = { ...parsed, message: parsed.message.toString() };
  if (!Number.isNaN(parsed.seconds)) {
    all['time'] = new Date(parsed.seconds * 1000 + parsed.nanos / 1e6).toISOString();
  }
  delete all['seconds'];
  delete all['nanos'];
  if (parsed.structured.length === 0) delete all['structured'];
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
}

describe('a message of RFC 5424', () => {
  it.each<readonly [string, string, object]>([
    [
      'from the RFC, without structured data',
      "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed for lonvick on /dev/pts/8",
      {
        form: 'rfc5424',
        facility: 'auth',
        severity: 'crit',
        time: '2003-10-11T22:14:15.003Z',
        hostname: 'mymachine.example.com',
        appName: 'su',
        msgId: 'ID47',
        message: "'su root' failed for lonvick on /dev/pts/8",
      },
    ],
    [
      'from the RFC, with an offset',
      '<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It’s time',
      {
        form: 'rfc5424',
        facility: 'local4',
        severity: 'notice',
        time: '2003-08-24T12:14:15.000Z',
        hostname: '192.0.2.1',
        appName: 'myproc',
        procId: '8710',
        message: '%% It’s time',
      },
    ],
    [
      'with elements and escapes',
      '<0>1 - - - - - [a@1 x="1" y="q\\"b\\\\c\\]d\\n"][b] m',
      {
        form: 'rfc5424',
        facility: 'kern',
        severity: 'emerg',
        structured: [
          {
            id: 'a@1',
            parameters: [
              ['x', '1'],
              ['y', 'q"b\\c]d\\n'],
            ],
          },
          { id: 'b', parameters: [] },
        ],
        message: 'm',
      },
    ],
    [
      'without a message',
      '<191>1 - h a - - [b]',
      {
        form: 'rfc5424',
        facility: 'local7',
        severity: 'debug',
        hostname: 'h',
        appName: 'a',
        structured: [{ id: 'b', parameters: [] }],
      },
    ],
  ])('is read: %s', (_name, text, expected) => {
    expect(told(text)).toEqual(expected);
  });

  it.each([
    '<1>1 ',
    '<1>1 - - - - ',
    '<1>1 yesterday h a p m - text',
    '<1>1 - - - - - [a x="1] text',
    '<1>1 - - - - - [a x=1] text',
    '<1>1 - - - - - [] text',
    '<1>1 - - - - - -text',
    `<1>1 - ${'h'.repeat(300)} a - - - text`,
  ])('is one of RFC 3164 where it is not of the form: %s', (text) => {
    expect(told(text)).toMatchObject({ form: 'rfc3164', severity: 'alert' });
  });
});

describe('a message of RFC 3164', () => {
  const kept = { form: 'rfc3164', facility: 'auth', severity: 'crit' };
  it.each<readonly [string, string, object]>([
    [
      'from the RFC',
      "<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
      {
        time: '2025-10-11T22:14:15.000Z',
        hostname: 'mymachine',
        appName: 'su',
        message: "'su root' failed",
      },
    ],
    [
      'with a process and a day of one digit',
      '<34>Jan  2 11:00:00 h sshd[42]: Accepted',
      {
        time: '2026-01-02T11:00:00.000Z',
        hostname: 'h',
        appName: 'sshd',
        procId: '42',
        message: 'Accepted',
      },
    ],
    [
      'of the next year, from a clock that is ahead',
      '<34>Jan  3 11:00:00 h a: x',
      { time: '2026-01-03T11:00:00.000Z', hostname: 'h', appName: 'a', message: 'x' },
    ],
    [
      'of last December',
      '<34>Dec 31 23:59:59 h a: x',
      { time: '2025-12-31T23:59:59.000Z', hostname: 'h', appName: 'a', message: 'x' },
    ],
    [
      'without a host, as local programs write it',
      '<34>Dec 31 23:59:59 cron[7]: x',
      { time: '2025-12-31T23:59:59.000Z', appName: 'cron', procId: '7', message: 'x' },
    ],
    [
      'with a time of RFC 3339',
      '<34>2025-12-31T23:59:59.5+01:00 h a: x',
      { time: '2025-12-31T22:59:59.500Z', hostname: 'h', appName: 'a', message: 'x' },
    ],
    [
      'with a year, as routers write it',
      '<34>Dec 31 2024 23:59:59: %ASA-6: x',
      { time: '2024-12-31T23:59:59.000Z', appName: '%ASA-6', message: 'x' },
    ],
    ['without anything but a priority', '<34>just text', { message: 'just text' }],
    ['with a tag only', '<34>app: text', { appName: 'app', message: 'text' }],
    [
      'with a date that is none',
      '<34>Dec 41 23:59:59 h a: x',
      { message: 'Dec 41 23:59:59 h a: x' },
    ],
    ['without a message', '<34>', {}],
  ])('is read: %s', (_name, text, expected) => {
    expect(told(text)).toEqual({ ...kept, ...expected });
  });

  it('has the zone that it is said to have', () => {
    expect(told('<34>Dec 31 23:59:59 h a: x', 60)).toMatchObject({
      time: '2025-12-31T22:59:59.000Z',
    });
  });

  it.each(['text', '<>x', '<192>x', '<1x', '<1234>x', '', '<34'])(
    'has no priority, and is all message: %s',
    (text) => {
      expect(told(text)).toEqual(text === '' ? { form: 'none' } : { form: 'none', message: text });
    },
  );

  it('does without the ends that senders add', () => {
    for (const end of ['\n', '\r\n', '\0', '\n\0']) {
      expect(told(`<34>a: x${end}`)).toMatchObject({ message: 'x' });
    }
  });

  it('keeps bytes that are not UTF-8', () => {
    const parsed = parseSyslog(Buffer.from('3c33343e613a20ff', 'hex'), {
      nowMs: 0,
      zoneMinutes: 0,
    });
    expect(parsed.message).toEqual(Buffer.from('ff', 'hex'));
  });

  it('is a suffix of what was sent, whatever that was', () => {
    const text = fc.oneof(
      fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
      fc.string().map((rest) => Buffer.from(`<13>1 - - - - - ${rest}`)),
      fc.string().map((rest) => Buffer.from(`<13>Oct 11 22:14:15 ${rest}`)),
    );
    fc.assert(
      fc.property(text, (bytes) => {
        const { message } = parseSyslog(bytes, { nowMs: NOW_MS, zoneMinutes: 0 });
        expect(bytes.toString('latin1')).toContain(message.toString('latin1'));
      }),
    );
  });
});

function split(text: string, cuts: readonly number[] = [], maxBytes = 100): string[] {
  const splitter = new SyslogSplitter(maxBytes);
  const bytes = Buffer.from(text);
  const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  const found = places.slice(1).flatMap((end, i) => splitter.push(bytes.subarray(places[i], end)));
  const rest = splitter.end();
  return [...found, ...(rest === null ? [] : [rest])].map(String);
}

describe('the end of a stream', () => {
  it.each<readonly [string, string, string | null, number]>([
    ['a line', '<1>a', '<1>a', 0],
    ['a line that begins with digits', '2026-03-01 a', '2026-03-01 a', 0],
    ['part of a counted message', '10 <1>abc', '<1>abc', 1],
    ['a length without a message', '10 ', null, 1],
    ['digits', '10', null, 1],
    ['nothing', '4 <1>a', null, 0],
  ])('after %s', (_, text, rest, truncated) => {
    const splitter = new SyslogSplitter(100);
    splitter.push(Buffer.from(text));
    expect(splitter.end()?.toString() ?? null).toBe(rest);
    expect(splitter.truncated).toBe(truncated);
  });
});

describe('a stream of messages', () => {
  it.each<readonly [string, string, readonly string[]]>([
    ['lines', '<1>a\n<2>b\r\n', ['<1>a', '<2>b\r']],
    ['counted octets', '4 <1>a6 <2>b\nc', ['<1>a', '<2>b\nc']],
    ['both', '4 <1>a\n<2>b\n4 <3>c', ['<1>a', '<2>b', '<3>c']],
    ['a last line without an end', '<1>a\n<2>b', ['<1>a', '<2>b']],
    ['a last count without its message', '<1>a\n9 <2>b', ['<1>a', '<2>b']],
    [
      'lines that begin with a number',
      '12:00 a\n0 b\n12345678901 c\n',
      ['12:00 a', '0 b', '12345678901 c'],
    ],
    ['nothing', '\n\n\0', []],
  ])('is split: %s', (_name, text, messages) => {
    expect(split(text)).toEqual(messages);
  });

  it('cuts what is too long, and goes on behind it', () => {
    expect(split('<1>abcdefgh\n<2>b\n', [], 6)).toEqual(['<1>abc', '<2>b']);
    expect(split('<1>abcdefgh\n<2>b\n', [4, 8], 6)).toEqual(['<1>abc', '<2>b']);
    expect(split('11 <1>abcdefgh4 <2>b', [], 6)).toEqual(['<1>abc', '<2>b']);
    expect(split('11 <1>abcdefgh4 <2>b', [10, 12], 6)).toEqual(['<1>abc', '<2>b']);
    const splitter = new SyslogSplitter(6);
    splitter.push(Buffer.from('<1>abcdefgh'));
    expect(splitter).toMatchObject({ pendingBytes: 0, truncated: 1 });
  });

  it('is split the same however it is cut', () => {
    const text =
      '<1>one\n7 <2>two\n<3>three 12\n12 <4>four\nmore\n\n<5>a long line that is cut\n30 <6>abcdefghijklmnopqrstuvwxyz <7>';
    const whole = split(text, [], 16);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 12 }), (cuts) => {
        expect(split(text, cuts, 16)).toEqual(whole);
      }),
    );
  });
});
