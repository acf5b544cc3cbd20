import { LinearSearch, RegExpSyntaxError } from '#libs/labels';
import { queryEscape } from './builtins.ts';
import { GoFunctionError } from './errors.ts';
import { parseGoFloat, parseGoInt, parseHumanBytes, parseSeconds } from './logql-numbers.ts';
import { asTime, GoTime } from './go-time.ts';
import {
  ANY,
  ANY_MAP,
  ANY_SLICE,
  type GoFunction,
  GoMap,
  GoSlice,
  type GoValue,
  type ParamType,
  STRING,
  stringArg,
} from './go-value.ts';
import { onStrings, titleCase } from './text-functions.ts';
import { TIME } from './time-methods.ts';
import { loadTimeZone } from './time-zone.ts';

/** What the functions see of the log line that a template is run for. */
export interface LogLineScope {
  readonly text: () => string;
  readonly time: () => GoTime;
}

const INT: ParamType = {
  name: 'int',
  literal: 'integer',
  isNullable: false,
  accepts: (value) => typeof value === 'bigint',
};

function intArg(args: readonly GoValue[], index: number): number {
  const value = args[index];
  if (typeof value !== 'bigint') throw new GoFunctionError('expected an int');
  return Number(BigInt.asIntN(53, value));
}

/** A function of an int and a text. */
function onCountedText(
  call: (count: number, text: string, maxLength: number) => string,
): GoFunction {
  return {
    params: [INT, STRING],
    isVariadic: false,
    call: (args, scope) => call(intArg(args, 0), stringArg(args, 1), scope.maxTextLength),
  };
}

/** A function of at least one value, each taken for an integer; sprig's `add` and the like. */
function onIntegers(combine: (a: bigint, b: bigint) => bigint, least = 1): GoFunction {
  return {
    params: Array.from({ length: least }, () => ANY),
    isVariadic: true,
    call: (args) =>
      BigInt.asIntN(
        64,
        args.map(parseGoInt).reduce((a, b) => combine(a, b)),
      ),
  };
}

function onFloats(combine: (a: number, b: number) => number, least = 1): GoFunction {
  return {
    params: Array.from({ length: least }, () => ANY),
    isVariadic: true,
    call: (args) => args.map(parseGoFloat).reduce((a, b) => combine(a, b)),
  };
}

function onFloat(call: (value: number) => GoValue): GoFunction {
  return { params: [ANY], isVariadic: false, call: ([value = null]) => call(parseGoFloat(value)) };
}

function nonZero(value: bigint): bigint {
  if (value === 0n) throw new GoFunctionError('runtime error: integer divide by zero');
  return value;
}

function bounded(text: string, maxLength: number): string {
  if (text.length > maxLength) throw new GoFunctionError(`text over ${maxLength} characters`);
  return text;
}

function repeated(text: string, count: number, maxLength: number): string {
  if (count <= 0) return '';
  if (text.length * count > maxLength) {
    throw new GoFunctionError(`text over ${maxLength} characters`);
  }
  return text.repeat(count);
}

function indented(spaces: number, text: string, maxLength: number): string {
  const padding = repeated(' ', spaces, maxLength);
  const lines = text.split('\n');
  if (lines.length * padding.length + text.length > maxLength) {
    throw new GoFunctionError(`text over ${maxLength} characters`);
  }
  return lines.map((line) => padding + line).join('\n');
}

/** Cuts characters of `set` off both ends, or one. */
function trimmed(text: string, set: string, ends: 'both' | 'left' | 'right'): string {
  const characters = new Set(set);
  const all = Array.from(text);
  let from = 0;
  let to = all.length;
  if (ends !== 'right') while (from < to && characters.has(all[from]!)) from++;
  if (ends !== 'left') while (to > from && characters.has(all[to - 1]!)) to--;
  return all.slice(from, to).join('');
}

function aligned(count: number, text: string, side: 'left' | 'right', maxLength: number): string {
  if (count < 0) return text;
  const characters = Array.from(text);
  if (characters.length >= count) {
    return side === 'left'
      ? characters.slice(0, count).join('')
      : characters.slice(characters.length - count).join('');
  }
  const padding = repeated(' ', count - characters.length, maxLength);
  return side === 'left' ? text + padding : padding + text;
}

function replacedAll(text: string, from: string, to: string, maxLength: number): string {
  // As many replacements as fit; counted before they are made.
  const count = from === '' ? text.length + 1 : text.split(from).length - 1;
  if (text.length + count * Math.max(0, to.length - from.length) > maxLength) {
    throw new GoFunctionError(`text over ${maxLength} characters`);
  }
  return text.replaceAll(from, () => to);
}

const SEARCHES_MAX = 200;
const searches = new Map<string, LinearSearch>();

function search(pattern: string): LinearSearch {
  const known = searches.get(pattern);
  if (known !== undefined) return known;
  try {
    const fresh = new LinearSearch(pattern);
    if (searches.size >= SEARCHES_MAX) searches.delete(searches.keys().next().value!);
    searches.set(pattern, fresh);
    return fresh;
  } catch (error) {
    if (error instanceof RegExpSyntaxError) throw new GoFunctionError(error.message);
    throw error;
  }
}

function regexReplace(literally: boolean): GoFunction {
  return {
    params: [STRING, STRING, STRING],
    isVariadic: false,
    call: (args, scope) => {
      const replacement = stringArg(args, 2);
      const replaced = search(stringArg(args, 0)).replaceAll(
        stringArg(args, 1),
        literally ? replacement.replaceAll('$', '$$$$') : replacement,
        scope.maxTextLength,
      );
      if (replaced === null) {
        throw new GoFunctionError(`text over ${scope.maxTextLength} characters`);
      }
      return replaced;
    },
  };
}

function countMatches(pattern: string, text: string): bigint {
  let count = 0n;
  search(pattern).forEachMatch(Buffer.from(text), () => {
    count++;
  });
  return count;
}

function fromJson(text: string): GoValue {
  try {
    return toGoValue(JSON.parse(text), 0);
  } catch {
    return '';
  }
}

function toGoValue(value: unknown, depth: number): GoValue {
  if (depth > 64) throw new GoFunctionError('JSON nested deeper than 64 levels');
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value;
  }
  if (Array.isArray(value)) {
    return new GoSlice(
      ANY_SLICE,
      value.map((each: unknown) => toGoValue(each, depth + 1)),
    );
  }
  if (typeof value !== 'object' || value === null) return null;
  const members = Object.entries(value).map(([key, member]): [string, GoValue] => [
    key,
    toGoValue(member, depth + 1),
  ]);
  return new GoMap(ANY_MAP, new Map(members), null);
}

function urlDecode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new GoFunctionError('invalid URL escape');
  }
}

/** Go's `base64.StdEncoding`. */
function base64Decode(text: string): string {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
    throw new GoFunctionError('illegal base64 data');
  }
  return Buffer.from(text, 'base64').toString('utf8');
}

/** The unit of an epoch shows by how many digits it has. */
function unixToTime(text: string): GoTime {
  if (!/^-?\d{1,19}$/.test(text)) throw new GoFunctionError(`unable to parse time '${text}'`);
  const value = BigInt(text);
  const digits = text.replace('-', '').length;
  const nanoseconds =
    digits <= 5
      ? value * 86_400_000_000_000n
      : digits <= 10
        ? value * 1_000_000_000n
        : digits <= 13
          ? value * 1_000_000n
          : digits <= 16
            ? value * 1_000n
            : value;
  return new GoTime(0, 0).plus(nanoseconds);
}

function parseTime(layout: string, text: string, zone: string): GoTime {
  const time = GoTime.parse(layout, text);
  if (zone === 'UTC' || zone === 'Local' || zone === '') return time;
  const place = loadTimeZone(zone);
  // The text tells no offset, so what was read as UTC is the zone's own clock.
  const shifted = time.epochSeconds - place.at(time.epochSeconds).offsetSeconds;
  const { offsetSeconds } = place.at(shifted);
  return new GoTime(time.epochSeconds - offsetSeconds, time.nanosecond, place);
}

/**
 * The functions of LogQL's `line_format` and `label_format`, to be used beside Go's own (Grafana Loki, "LogQL template
 * functions").
 */
export function logqlFunctions(line: LogLineScope): ReadonlyMap<string, GoFunction> {
  return new Map<string, GoFunction>([
    ...PURE_FUNCTIONS,
    ['__line__', { params: [], isVariadic: false, call: () => line.text() }],
    ['__timestamp__', { params: [], isVariadic: false, call: () => line.time() }],
  ]);
}

const epoch = (unit: bigint): GoFunction => ({
  params: [TIME],
  isVariadic: false,
  call: (args) => {
    const nanoseconds = asTime(args[0]).epochNanoseconds;
    const rest = ((nanoseconds % unit) + unit) % unit;
    return ((nanoseconds - rest) / unit).toString();
  },
});

const DURATION_SECONDS = onStrings(1, (text) => parseSeconds(text));
const lower = onStrings(1, (text) => text.toLowerCase());
const upper = onStrings(1, (text) => text.toUpperCase());
const trimSpace = onStrings(1, (text) => text.trim());

const PURE_FUNCTIONS: readonly (readonly [string, GoFunction])[] = [
  ['now', { params: [], isVariadic: false, call: (_, scope) => GoTime.fromMs(scope.nowMs) }],
  [
    'date',
    {
      params: [STRING, TIME],
      isVariadic: false,
      call: (args) => asTime(args[1]).format(stringArg(args, 0)),
    },
  ],
  ['toDate', onStrings(2, (layout, text) => parseTime(layout, text, 'UTC'))],
  ['toDateInZone', onStrings(3, (layout, zone, text) => parseTime(layout, text, zone))],
  ['unixEpoch', epoch(1_000_000_000n)],
  ['unixEpochMillis', epoch(1_000_000n)],
  ['unixEpochNanos', epoch(1n)],
  ['unixToTime', onStrings(1, unixToTime)],
  ['duration', DURATION_SECONDS],
  ['duration_seconds', DURATION_SECONDS],
  ['bytes', onStrings(1, (text) => parseHumanBytes(text))],
  ['lower', lower],
  ['upper', upper],
  ['title', onStrings(1, (text) => titleCase(text, 'keep'))],
  ['trim', trimSpace],
  ['trimAll', onStrings(2, (set, text) => trimmed(text, set, 'both'))],
  [
    'trimPrefix',
    onStrings(2, (prefix, text) => (text.startsWith(prefix) ? text.slice(prefix.length) : text)),
  ],
  ['trimSuffix', onStrings(2, (suffix, text) => withoutSuffix(text, suffix))],
  ['alignLeft', onCountedText((count, text, max) => aligned(count, text, 'left', max))],
  ['alignRight', onCountedText((count, text, max) => aligned(count, text, 'right', max))],
  ['indent', onCountedText(indented)],
  ['nindent', onCountedText((spaces, text, max) => `\n${indented(spaces, text, max)}`)],
  ['repeat', onCountedText((count, text, max) => repeated(text, count, max))],
  ['trunc', onCountedText((count, text) => (count < 0 ? text.slice(count) : text.slice(0, count)))],
  [
    'substr',
    {
      params: [INT, INT, STRING],
      isVariadic: false,
      call: (args) => {
        const [start, end, text] = [intArg(args, 0), intArg(args, 1), stringArg(args, 2)];
        if (start < 0) return text.slice(0, Math.max(0, end));
        return end < 0 || end > text.length ? text.slice(start) : text.slice(start, end);
      },
    },
  ],
  [
    'replace',
    {
      params: [STRING, STRING, STRING],
      isVariadic: false,
      call: (args, scope) =>
        replacedAll(
          stringArg(args, 2),
          stringArg(args, 0),
          stringArg(args, 1),
          scope.maxTextLength,
        ),
    },
  ],
  [
    'default',
    {
      params: [ANY, ANY],
      isVariadic: false,
      call: ([fallback = null, value = null]) =>
        value === null || value === '' || value === 0 || value === 0n || value === false
          ? fallback
          : value,
    },
  ],
  ['fromJson', onStrings(1, fromJson)],
  ['b64enc', onStrings(1, (text) => Buffer.from(text).toString('base64'))],
  ['b64dec', onStrings(1, base64Decode)],
  ['urlencode', onStrings(1, queryEscape)],
  ['urldecode', onStrings(1, urlDecode)],
  ['contains', onStrings(2, (part, text) => text.includes(part))],
  ['hasPrefix', onStrings(2, (prefix, text) => text.startsWith(prefix))],
  ['hasSuffix', onStrings(2, (suffix, text) => text.endsWith(suffix))],
  ['count', onStrings(2, countMatches)],
  ['regexReplaceAll', regexReplace(false)],
  ['regexReplaceAllLiteral', regexReplace(true)],
  ['add', onIntegers((a, b) => a + b)],
  ['sub', onIntegers((a, b) => a - b, 2)],
  ['mul', onIntegers((a, b) => a * b)],
  ['div', onIntegers((a, b) => a / nonZero(b), 2)],
  ['mod', onIntegers((a, b) => a % nonZero(b), 2)],
  ['max', onIntegers((a, b) => (a > b ? a : b))],
  ['min', onIntegers((a, b) => (a < b ? a : b))],
  ['addf', onFloats((a, b) => a + b)],
  ['subf', onFloats((a, b) => a - b)],
  ['mulf', onFloats((a, b) => a * b)],
  ['divf', onFloats((a, b) => a / b)],
  ['maxf', onFloats((a, b) => Math.max(a, b))],
  ['minf', onFloats((a, b) => Math.min(a, b))],
  ['ceil', onFloat((value) => Math.ceil(value))],
  ['floor', onFloat((value) => Math.floor(value))],
  [
    'round',
    {
      params: [ANY, INT],
      isVariadic: false,
      call: (args) => {
        const factor = 10 ** intArg(args, 1);
        return Math.round(parseGoFloat(args[0] ?? null) * factor) / factor;
      },
    },
  ],
  ['float64', onFloat((value) => value)],
  ['int', { params: [ANY], isVariadic: false, call: ([value = null]) => parseGoInt(value) }],
  // The names that Loki had first, with the text as the first argument.
  ['ToLower', lower],
  ['ToUpper', upper],
  ['Trim', onStrings(2, (text, set) => trimmed(text, set, 'both'))],
  ['TrimLeft', onStrings(2, (text, set) => trimmed(text, set, 'left'))],
  ['TrimRight', onStrings(2, (text, set) => trimmed(text, set, 'right'))],
  [
    'TrimPrefix',
    onStrings(2, (text, prefix) => (text.startsWith(prefix) ? text.slice(prefix.length) : text)),
  ],
  ['TrimSuffix', onStrings(2, withoutSuffix)],
  ['TrimSpace', trimSpace],
  [
    'Replace',
    {
      params: [STRING, STRING, STRING, INT],
      isVariadic: false,
      call: (args, scope) => {
        const [text, from, to] = [stringArg(args, 0), stringArg(args, 1), stringArg(args, 2)];
        const limit = intArg(args, 3);
        if (limit < 0) return replacedAll(text, from, to, scope.maxTextLength);
        const pieces = text.split(from);
        const head = pieces.slice(0, limit + 1).join(to);
        const tail = pieces.slice(limit + 1);
        return bounded([head, ...tail].join(from), scope.maxTextLength);
      },
    },
  ],
];

function withoutSuffix(text: string, suffix: string): string {
  return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
}
