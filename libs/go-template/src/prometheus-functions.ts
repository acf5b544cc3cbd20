import { DurationSyntaxError, parseDurationMs } from '#libs/labels';
import { queryEscape } from './builtins.ts';
import { GoFunctionError } from './errors.ts';
import {
  ANY,
  ANY_MAP,
  asSlice,
  asStruct,
  type GoFunction,
  GoMap,
  GoMarked,
  GoSlice,
  GoStruct,
  type GoType,
  type GoValue,
  type ParamType,
  STRING,
  STRING_MAP,
  stringArg,
} from './go-value.ts';
import {
  durationFromSeconds,
  humanize,
  humanize1024,
  humanizeDuration,
  humanizePercentage,
  onNumber,
  timeFromSeconds,
} from './humanize.ts';
import { formatFloat } from './format-float.ts';
import { quoteGo } from './quote-go.ts';
import { onStrings, SHARED_TEXT_FUNCTIONS, titleCase } from './text-functions.ts';

const SAMPLE: GoType = { name: 'template.sample', isPointer: true };
const RESULT: GoType = { name: 'template.queryResult' };

const SAMPLE_PARAM: ParamType = {
  name: '*template.sample',
  literal: 'none',
  isNullable: false,
  accepts: (value) => value instanceof GoStruct && value.type === SAMPLE,
};
const RESULT_PARAM: ParamType = {
  name: 'template.queryResult',
  literal: 'none',
  isNullable: false,
  accepts: (value) => value instanceof GoSlice && value.type === RESULT,
};

/** A sample of a query's result as the template functions see it. */
export interface QuerySample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A query's result as the value that `first`, `label`, `value` and `range` work on. */
export function toQueryResult(samples: readonly QuerySample[]): GoValue {
  return new GoSlice(
    RESULT,
    samples.map(
      ({ labels, value }) =>
        new GoStruct(SAMPLE, [
          { name: 'Labels', json: 'Labels', value: toStringMap(Object.entries(labels)) },
          { name: 'Value', json: 'Value', value },
        ]),
    ),
  );
}

/** A Go `map[string]string`. */
export function toStringMap(entries: Iterable<readonly [string, string]>): GoMap {
  return new GoMap(STRING_MAP, new Map(entries), '');
}

function labelOf(sample: GoValue, name: string): string {
  const labels = asStruct(sample).field('Labels')?.value;
  const value = labels instanceof GoMap ? labels.entries.get(name) : undefined;
  return typeof value === 'string' ? value : '';
}

function parseGoDuration(text: string): number {
  const isNegative = text.startsWith('-');
  const magnitude = isNegative ? text.slice(1) : text;
  try {
    const seconds = parseDurationMs(magnitude) / 1_000;
    return isNegative ? -seconds : seconds;
  } catch (error) {
    if (!(error instanceof DurationSyntaxError)) throw error;
    if (text === '') throw new GoFunctionError('empty duration string');
    const units = new Set(['ms', 's', 'm', 'h', 'd', 'w', 'y']);
    for (const [, unit = ''] of magnitude.matchAll(/^[0-9]+([^0-9]+)|[0-9]+([^0-9]+)/g)) {
      if (unit !== '' && !units.has(unit)) {
        throw new GoFunctionError(`unknown unit ${quoteGo(unit)} in duration ${quoteGo(text)}`);
      }
    }
    throw new GoFunctionError(`not a valid duration string: ${quoteGo(text)}`);
  }
}

interface HostPort {
  readonly host: string;
  readonly port: string;
}

/** Go's `net.SplitHostPort`, or null where the text is not `host:port`. */
function splitHostPort(text: string): HostPort | null {
  if (text.startsWith('[')) {
    const match = /^\[([^[\]]*)\]:([^:[\]]*)$/.exec(text);
    return match === null ? null : { host: match[1]!, port: match[2]! };
  }
  const match = /^([^:[\]]*):([^:[\]]*)$/.exec(text);
  return match === null ? null : { host: match[1]!, port: match[2]! };
}

function isIpAddress(host: string): boolean {
  const octets = host.split('.');
  if (octets.length === 4) {
    return octets.every((octet) => /^(?:0|[1-9][0-9]{0,2})$/.test(octet) && Number(octet) <= 255);
  }
  return host.includes(':') && /^[0-9a-fA-F:.]+$/.test(host);
}

function stripDomain(text: string): string {
  const split = splitHostPort(text);
  const host = split?.host ?? text;
  if (isIpAddress(host)) return text;
  const short = host.split('.', 1)[0]!;
  if (split === null || split.port === '') return short;
  return short.includes(':') ? `[${short}]:${split.port}` : `${short}:${split.port}`;
}

/** What the engine's templates need to know of its own address. */
export interface PrometheusFunctionOptions {
  /** The address users reach the engine at, empty where none is set. */
  readonly externalUrl: string;
}

/** Prometheus's page for an expression; tab 0 is its graph, 1 its table. */
export function graphLink(expression: string, tab: 0 | 1): string {
  return `/graph?g0.expr=${queryEscape(expression)}&g0.tab=${tab}`;
}

/** The path of a URL without its host, for links. */
function pathOf(url: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*(\/[^?#]*)?/i.exec(url)?.[1] ?? '';
}

/**
 * The functions of Prometheus's alert and console templates, to be used beside Go's own. `query` and `tmpl` reach out
 * through the execution's scope.
 */
export function prometheusFunctions(
  options: PrometheusFunctionOptions,
): ReadonlyMap<string, GoFunction> {
  const { externalUrl } = options;
  return new Map<string, GoFunction>([
    ...SHARED_TEXT_FUNCTIONS,
    ['title', onStrings(1, (text) => titleCase(text, 'keep'))],
    [
      'query',
      {
        params: [STRING],
        isVariadic: false,
        call: (args, scope) => scope.query(stringArg(args, 0)),
      },
    ],
    [
      'first',
      {
        params: [RESULT_PARAM],
        isVariadic: false,
        call: ([vector]) => {
          const first = asSlice(vector).items[0];
          if (first === undefined) {
            throw new GoFunctionError('first() called on vector with no elements');
          }
          return first;
        },
      },
    ],
    [
      'label',
      {
        params: [STRING, SAMPLE_PARAM],
        isVariadic: false,
        call: (args) => labelOf(args[1] ?? null, stringArg(args, 0)),
      },
    ],
    [
      'value',
      {
        params: [SAMPLE_PARAM],
        isVariadic: false,
        call: ([sample]) => asStruct(sample).field('Value')!.value,
      },
    ],
    [
      'strvalue',
      {
        params: [SAMPLE_PARAM],
        isVariadic: false,
        call: ([sample]) => labelOf(sample ?? null, '__value__'),
      },
    ],
    [
      'sortByLabel',
      {
        params: [STRING, RESULT_PARAM],
        isVariadic: false,
        call: (args) => {
          const name = stringArg(args, 0);
          const { items } = asSlice(args[1]);
          const sorted = items.toSorted((a, b) =>
            Buffer.compare(Buffer.from(labelOf(a, name)), Buffer.from(labelOf(b, name))),
          );
          return new GoSlice(RESULT, sorted);
        },
      },
    ],
    [
      'args',
      {
        params: [ANY],
        isVariadic: true,
        call: (args) =>
          new GoMap(ANY_MAP, new Map(args.map((value, i) => [`arg${i}`, value])), null),
      },
    ],
    [
      'tmpl',
      {
        params: [STRING, ANY],
        isVariadic: false,
        call: (args, scope) =>
          new GoMarked('HTML', scope.renderTemplate(stringArg(args, 0), args[1] ?? null)),
      },
    ],
    ['graphLink', onStrings(1, (expression) => graphLink(expression, 0))],
    ['tableLink', onStrings(1, (expression) => graphLink(expression, 1))],
    ['stripPort', onStrings(1, (text) => splitHostPort(text)?.host ?? text)],
    ['stripDomain', onStrings(1, (text) => stripDomain(text))],
    ['urlQueryEscape', onStrings(1, (text) => queryEscape(text))],
    ['parseDuration', onStrings(1, (text) => parseGoDuration(text))],
    ['humanize', onNumber(humanize)],
    ['humanize1024', onNumber(humanize1024)],
    ['humanizeDuration', onNumber(humanizeDuration)],
    ['humanizePercentage', onNumber(humanizePercentage)],
    [
      'humanizeTimestamp',
      onNumber((value) =>
        Number.isFinite(value) ? timeFromSeconds(value).toString() : formatFloat(value, 'g', 4),
      ),
    ],
    [
      'toTime',
      onNumber((value) => {
        if (!Number.isFinite(value)) throw new GoFunctionError('value is NaN or Inf');
        return timeFromSeconds(value);
      }),
    ],
    ['toDuration', onNumber(durationFromSeconds)],
    ['now', { params: [], isVariadic: false, call: (_, scope) => scope.nowMs / 1_000 }],
    ['pathPrefix', { params: [], isVariadic: false, call: () => pathOf(externalUrl) }],
    ['externalURL', { params: [], isVariadic: false, call: () => externalUrl }],
  ]);
}
