/** A time format that cannot be used; the message says what is accepted. */
export class TimeFormatError extends Error {
  override readonly name = 'TimeFormatError';
}

const MAX_FORMAT_LENGTH = 200;

/** What stands at a place of the format. */
export type TimePart =
  { readonly kind: 'literal'; readonly code: number } | { readonly kind: PartKind };

type PartKind =
  | 'blanks'
  | 'year'
  | 'shortYear'
  | 'month'
  | 'monthName'
  | 'day'
  | 'yearDay'
  | 'weekday'
  | 'hour'
  | 'hour12'
  | 'minute'
  | 'second'
  | 'fraction'
  | 'optionalFraction'
  | 'half'
  | 'zone'
  | 'zoneName'
  | 'epoch';

/** strptime's letters; some stand for several parts. */
const DIRECTIVES: Readonly<Record<string, PartKind>> = {
  Y: 'year',
  y: 'shortYear',
  m: 'month',
  b: 'monthName',
  B: 'monthName',
  h: 'monthName',
  d: 'day',
  e: 'day',
  j: 'yearDay',
  a: 'weekday',
  A: 'weekday',
  H: 'hour',
  k: 'hour',
  I: 'hour12',
  l: 'hour12',
  M: 'minute',
  S: 'second',
  L: 'fraction',
  f: 'fraction',
  N: 'fraction',
  p: 'half',
  P: 'half',
  z: 'zone',
  Z: 'zoneName',
  s: 'epoch',
  n: 'blanks',
  t: 'blanks',
};
const COMPOUNDS: Readonly<Record<string, string>> = {
  T: '%H:%M:%S',
  F: '%Y-%m-%d',
  D: '%m/%d/%y',
  R: '%H:%M',
  r: '%I:%M:%S %p',
  c: '%a %b %e %H:%M:%S %Y',
};

/** The parts of Go's reference time, longest first where one begins another. */
const GO_PARTS: readonly (readonly [text: string, kind: PartKind])[] = [
  ['January', 'monthName'],
  ['Jan', 'monthName'],
  ['Monday', 'weekday'],
  ['Mon', 'weekday'],
  ['MST', 'zoneName'],
  ['Z07:00', 'zone'],
  ['Z0700', 'zone'],
  ['Z07', 'zone'],
  ['-07:00', 'zone'],
  ['-0700', 'zone'],
  ['-07', 'zone'],
  ['2006', 'year'],
  ['002', 'yearDay'],
  ['01', 'month'],
  ['02', 'day'],
  ['03', 'hour12'],
  ['04', 'minute'],
  ['05', 'second'],
  ['06', 'shortYear'],
  ['15', 'hour'],
  ['PM', 'half'],
  ['pm', 'half'],
  ['_2', 'day'],
  ['1', 'month'],
  ['2', 'day'],
  ['3', 'hour12'],
  ['4', 'minute'],
  ['5', 'second'],
];

/** The parts of a format of strptime(3) or Go. @throws TimeFormatError */
export function timeParts(format: string): readonly TimePart[] {
  if (format.length > MAX_FORMAT_LENGTH) {
    throw new TimeFormatError(`a time format has at most ${MAX_FORMAT_LENGTH} characters`);
  }
  const parts = format.includes('%') ? strptimeParts(format) : goParts(format);
  const kinds = new Set(parts.map(({ kind }) => kind));
  const tellsTime = kinds.has('epoch') || kinds.has('hour') || kinds.has('hour12');
  const days: readonly PartKind[] = ['day', 'yearDay', 'month', 'monthName'];
  const tellsDay = days.some((kind) => kinds.has(kind));
  if (!tellsTime && !tellsDay) {
    throw new TimeFormatError(
      `time format '${format}' tells no time; accepted are rfc3339, unix, unix_ms, unix_us, unix_ns, strptime's letters such as %Y-%m-%d %H:%M:%S.%L, and Go's 2006-01-02 15:04:05.000`,
    );
  }
  return parts;
}

function strptimeParts(format: string): TimePart[] {
  const parts: TimePart[] = [];
  for (let at = 0; at < format.length; at++) {
    const character = format[at]!;
    if (character !== '%') {
      parts.push(literal(character, format));
      continue;
    }
    at++;
    // glibc's flags about padding mean nothing when reading.
    while (format[at] === '-' || format[at] === '_' || format[at] === '0' || format[at] === '^')
      at++;
    const letter = format[at] ?? '';
    if (letter === '%') parts.push(literal('%', format));
    else if (Object.hasOwn(COMPOUNDS, letter)) parts.push(...strptimeParts(COMPOUNDS[letter]!));
    else if (Object.hasOwn(DIRECTIVES, letter)) {
      parts.push({ kind: DIRECTIVES[letter]! });
    } else {
      throw new TimeFormatError(
        `time format '${format}': %${letter} is not known; accepted are ${[...Object.keys(DIRECTIVES), ...Object.keys(COMPOUNDS)].map((known) => `%${known}`).join(' ')}`,
      );
    }
  }
  return parts;
}

function goParts(format: string): TimePart[] {
  const parts: TimePart[] = [];
  let rest = format;
  while (rest !== '') {
    const fractionOfGo = /^[.,]0{1,9}(?![0-9])/.exec(rest)?.[0];
    const optional = /^[.,]9{1,9}(?![0-9])/.exec(rest)?.[0];
    const [text, kind] =
      GO_PARTS.find(([known]) => rest.startsWith(known)) ?? (['', null] as const);
    if (fractionOfGo !== undefined) {
      parts.push(literal(rest[0]!, format), { kind: 'fraction' });
      rest = rest.slice(fractionOfGo.length);
    } else if (optional !== undefined) {
      parts.push({ kind: 'optionalFraction' });
      rest = rest.slice(optional.length);
    } else if (kind === null) {
      parts.push(literal(rest[0]!, format));
      rest = rest.slice(1);
    } else {
      parts.push({ kind });
      rest = rest.slice(text.length);
    }
  }
  return parts;
}

function literal(character: string, format: string): TimePart {
  const code = character.charCodeAt(0);
  if (code > 126) {
    throw new TimeFormatError(`time format '${format}': '${character}' is not ASCII`);
  }
  return { kind: 'literal', code };
}
