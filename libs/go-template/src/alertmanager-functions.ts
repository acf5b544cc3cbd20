import { STRING_LIST, toStrings } from './alertmanager-data.ts';
import { GoFunctionError } from './errors.ts';
import { printValue } from './go-fmt.ts';
import { toGoJson } from './go-json.ts';
import { asTime, GoDuration, GoTime } from './go-time.ts';
import {
  ANY,
  ANY_MAP,
  ANY_SLICE,
  asSlice,
  type GoFunction,
  GoMap,
  GoMarked,
  GoSlice,
  type GoValue,
  type ParamType,
  STRING,
  stringArg,
} from './go-value.ts';
import { humanizeDuration, onNumber } from './humanize.ts';
import { quoteGo } from './quote-go.ts';
import { TIME } from './time-methods.ts';
import { onStrings, SHARED_TEXT_FUNCTIONS, TEXT, titleCase } from './text-functions.ts';
import { loadTimeZone } from './time-zone.ts';

const LIST: ParamType = {
  name: '[]interface {}',
  literal: 'none',
  isNullable: true,
  accepts: (value) => value instanceof GoSlice,
};

function urlUnescape(text: string): string {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (character === '%') {
      const hex = text.slice(i + 1, i + 3);
      if (!/^[0-9a-fA-F]{2}$/.test(hex)) {
        throw new GoFunctionError(`invalid URL escape ${quoteGo(text.slice(i, i + 3))}`);
      }
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    } else if (character === '+') bytes.push(0x20);
    else {
      const code = text.codePointAt(i)!;
      if (code > 0xffff) i++;
      bytes.push(...Buffer.from(String.fromCodePoint(code), 'utf8'));
    }
  }
  return Buffer.from(bytes).toString('utf8');
}

function base64Decode(text: string): string {
  const clean = text.replaceAll(/[\r\n]/g, '');
  const bad = /[^A-Za-z0-9_-]/.exec(clean.replace(/={0,2}$/, ''));
  if (bad !== null) throw new GoFunctionError(`illegal base64 data at input byte ${bad.index}`);
  if (clean.length % 4 !== 0) {
    throw new GoFunctionError(`illegal base64 data at input byte ${clean.length}`);
  }
  return Buffer.from(clean, 'base64url').toString('utf8');
}

function base64Encode(text: string): string {
  const encoded = Buffer.from(text, 'utf8').toString('base64url');
  return encoded.padEnd(Math.ceil(encoded.length / 4) * 4, '=');
}

/** The functions of Alertmanager's notification templates, to be used beside Go's own. */
export const ALERTMANAGER_FUNCTIONS: ReadonlyMap<string, GoFunction> = new Map<string, GoFunction>([
  ...SHARED_TEXT_FUNCTIONS,
  ['title', onStrings(1, (text) => titleCase(text, 'lower'))],
  ['trimSpace', onStrings(1, (text) => text.trim())],
  ['urlUnescape', onStrings(1, (text) => urlUnescape(text))],
  ['base64encode', onStrings(1, (text) => base64Encode(text))],
  ['base64decode', onStrings(1, (text) => base64Decode(text))],
  [
    'safeUrl',
    {
      params: [TEXT],
      isVariadic: false,
      call: (args) => new GoMarked('URL', stringArg(args, 0)),
    },
  ],
  [
    'join',
    {
      params: [STRING, STRING_LIST],
      isVariadic: false,
      call: (args) => asSlice(args[1]).items.map(printValue).join(stringArg(args, 0)),
    },
  ],
  [
    'stringSlice',
    {
      params: [STRING],
      isVariadic: true,
      call: (args) => toStrings(args.map((_, i) => stringArg(args, i))),
    },
  ],
  [
    'date',
    {
      params: [STRING, TIME],
      isVariadic: false,
      call: (args) => asTime(args[1]).format(stringArg(args, 0)),
    },
  ],
  [
    'tz',
    {
      params: [STRING, TIME],
      isVariadic: false,
      call: (args) => asTime(args[1]).in(loadTimeZone(stringArg(args, 0))),
    },
  ],
  [
    'since',
    {
      params: [TIME],
      isVariadic: false,
      call: ([time], scope) =>
        new GoDuration(GoTime.fromMs(scope.nowMs).epochNanoseconds - asTime(time).epochNanoseconds),
    },
  ],
  [
    'routeLabels',
    {
      params: [STRING],
      isVariadic: false,
      call: (args, scope) => scope.routeLabel(stringArg(args, 0)),
    },
  ],
  ['now', { params: [], isVariadic: false, call: (_, scope) => GoTime.fromMs(scope.nowMs) }],
  [
    'toDate',
    onStrings(2, (layout, text) => {
      try {
        return GoTime.parse(layout, text);
      } catch (error) {
        if (error instanceof GoFunctionError) return GoTime.ZERO;
        throw error;
      }
    }),
  ],
  ['mustToDate', onStrings(2, (layout, text) => GoTime.parse(layout, text))],
  ['humanizeDuration', onNumber(humanizeDuration)],
  ['toJson', { params: [ANY], isVariadic: false, call: ([value = null]) => toGoJson(value) }],
  ['list', { params: [ANY], isVariadic: true, call: (args) => new GoSlice(ANY_SLICE, args) }],
  [
    'append',
    {
      params: [LIST, ANY],
      isVariadic: true,
      call: ([list = null, ...more]) =>
        new GoSlice(ANY_SLICE, [...(list instanceof GoSlice ? list.items : []), ...more]),
    },
  ],
  ['dict', { params: [ANY], isVariadic: true, call: toDict }],
]);

function toDict(args: readonly GoValue[]): GoValue {
  if (args.length % 2 !== 0) {
    throw new GoFunctionError('dict requires an even number of arguments');
  }
  const entries = new Map<string, GoValue>();
  for (let i = 0; i < args.length; i += 2) {
    const key = args[i];
    if (typeof key !== 'string') throw new GoFunctionError('dict keys must be strings');
    entries.set(key, args[i + 1]!);
  }
  return new GoMap(ANY_MAP, entries, null);
}
