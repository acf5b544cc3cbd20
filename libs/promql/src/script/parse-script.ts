import {
  DurationSyntaxError,
  LinearRegExp,
  parseDurationMs,
  RegExpSyntaxError,
} from '#libs/labels';
import { parseExpr } from '../parse/parse-expr.ts';
import { PromqlSyntaxError } from '../parse/promql-syntax-error.ts';
import { isScriptNumber, parseScriptNumber } from './histogram-notation.ts';
import { NotationError } from './notation-error.ts';
import { ScriptSyntaxError } from './script-syntax-error.ts';
import {
  type NotedSeries,
  parseSeriesNotation,
  parseStartsNotation,
  splitSeriesLine,
} from './series-notation.ts';

/** A command of a test script. `line` is that of its head, counted from 1. */
export type ScriptCommand = ClearCommand | LoadCommand | EvalCommand;

interface ClearCommand {
  readonly kind: 'clear';
  readonly line: number;
}

interface LoadedSeries extends NotedSeries {
  /** Relative to each sample, null where not given; null for a series without any. */
  readonly startsMs: readonly (number | null)[] | null;
}

export interface LoadCommand {
  readonly kind: 'load';
  readonly line: number;
  readonly stepMs: number;
  /** Whether classic histograms are to be stored as native ones as well. */
  readonly convertsClassic: boolean;
  readonly series: readonly LoadedSeries[];
}

/** What a message has to be. */
export type Expectation =
  | { readonly kind: 'any' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'pattern'; readonly pattern: LinearRegExp; readonly source: string };

/** What is expected of the annotations of one kind. */
export interface AnnotationExpectation {
  /** Every annotation has to match one of these, and each of these one annotation. */
  readonly wanted: readonly Expectation[];
  readonly allowsNone: boolean;
  readonly refusesAny: boolean;
}

export interface TimeRange {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

export interface EvalCommand {
  readonly kind: 'eval';
  readonly line: number;
  /** Not parsed yet, so that a query that is none fails by itself. */
  readonly query: string;
  /** For an instant query, start and end are its time. */
  readonly range: TimeRange;
  readonly isInstant: boolean;
  readonly isOrdered: boolean;
  readonly failure: Expectation | null;
  readonly warnings: AnnotationExpectation;
  readonly infos: AnnotationExpectation;
  readonly string: string | null;
  readonly scalar: number | null;
  /** The instant query answers a range vector with these timestamps. */
  readonly rangeVector: TimeRange | null;
  readonly series: readonly NotedSeries[];
}

interface Line {
  readonly number: number;
  readonly text: string;
}

/**
 * Reads a test script of Prometheus's PromQL engine (`promql/promqltest`).
 * @throws ScriptSyntaxError
 */
export function parseScript(text: string): ScriptCommand[] {
  return blocksOf(text).map((block) => {
    const head = block[0]!;
    return at(head, () => {
      const word = head.text.split(/\s/, 1)[0]!.toLowerCase();
      if (word === 'clear') return { kind: 'clear', line: head.number };
      if (word.startsWith('load')) return parseLoad(block, word);
      if (word.startsWith('eval')) return parseEval(block, word);
      throw new NotationError(`"${head.text}": expected clear, load or eval`);
    });
  });
}

/** A head line and the lines after it, up to the first that is empty or a comment. */
function blocksOf(text: string): Line[][] {
  const blocks: Line[][] = [];
  let block: Line[] | null = null;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = { number: index + 1, text: raw.trim() };
    if (line.text === '' || line.text.startsWith('#')) {
      block = null;
    } else if (block === null) {
      blocks.push([line]);
      // `clear` takes no lines; what follows it is a command again.
      block = /^clear$/i.test(line.text) ? null : blocks.at(-1)!;
    } else {
      block.push(line);
    }
  }
  return blocks;
}

function parseLoad(block: readonly Line[], word: string): LoadCommand {
  const head = block[0]!;
  if (word !== 'load' && word !== 'load_with_nhcb') {
    throw new NotationError(`"${word}": expected load or load_with_nhcb`);
  }
  const step = head.text.slice(word.length).trim();
  const series = new Map<string, LoadedSeries>();
  let starts: { key: string; startsMs: (number | null)[] } | null = null;
  for (const line of block.slice(1)) {
    at(line, () => {
      const { labels, rest } = splitSeriesLine(line.text);
      if (rest.startsWith('@st')) {
        if (starts !== null) throw new NotationError('start timestamps without their series');
        starts = { key: labels.key, startsMs: parseStartsNotation(rest.slice('@st'.length)) };
        return;
      }
      const noted = parseSeriesNotation(line.text);
      if (starts !== null) {
        if (starts.key !== labels.key || starts.startsMs.length !== noted.values.length) {
          throw new NotationError(
            `start timestamps: the next line has to be the same series with ${starts.startsMs.length} values`,
          );
        }
      }
      series.set(labels.key, { ...noted, startsMs: starts?.startsMs ?? null });
      starts = null;
    });
  }
  if (starts !== null) {
    throw new ScriptSyntaxError(block.at(-1)!.number, 'start timestamps without their series');
  }
  return {
    kind: 'load',
    line: head.number,
    stepMs: durationOf(step),
    convertsClassic: word === 'load_with_nhcb',
    series: [...series.values()],
  };
}

const INSTANT = /^instant\s+at\s+(\S+)\s+(.+)$/;
const RANGE = /^range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)$/;
const RANGE_VECTOR = /^range\s+vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)$/;

/** What the lines of an `eval` say, while they are read. */
interface Expectations {
  isOrdered: boolean;
  failure: Expectation | null;
  readonly warnings: Expectation[];
  readonly infos: Expectation[];
  refusesWarnings: boolean;
  refusesInfos: boolean;
  string: string | null;
  scalar: number | null;
  rangeVector: TimeRange | null;
  readonly series: NotedSeries[];
}

function parseEval(block: readonly Line[], word: string): EvalCommand {
  const head = block[0]!;
  const expectations = expectationsOf(word);
  const rest = head.text.slice(word.length).trim();
  const instant = INSTANT.exec(rest);
  const range = RANGE.exec(rest);
  if (instant === null && range === null) {
    throw new NotationError(
      `"${head.text}": expected "eval instant at TIME QUERY" or "eval range from TIME to TIME step DURATION QUERY"`,
    );
  }
  const query = instant?.[2] ?? range![4]!;
  const timeMs = instant === null ? 0 : durationOf(instant[1]!);
  const times =
    instant === null
      ? rangeOf(range![1]!, range![2]!, range![3]!)
      : { startMs: timeMs, endMs: timeMs, stepMs: 0 };
  for (const line of block.slice(1)) at(line, () => readExpectation(line.text, expectations));
  const isInstant = instant !== null;
  checkExpectations(expectations, isInstant, times);
  const { warnings, infos, refusesWarnings, refusesInfos, ...others } = expectations;
  return {
    ...others,
    kind: 'eval',
    line: head.number,
    query,
    range: times,
    isInstant,
    warnings: { wanted: warnings, allowsNone: warnings.length === 0, refusesAny: refusesWarnings },
    infos: { wanted: infos, allowsNone: infos.length === 0, refusesAny: refusesInfos },
  };
}

function expectationsOf(word: string): Expectations {
  if (!/^eval(?:_fail|_warn|_info|_ordered)?$/.test(word)) {
    throw new NotationError(
      `"${word}": expected eval, eval_fail, eval_warn, eval_info or eval_ordered`,
    );
  }
  return {
    isOrdered: word === 'eval_ordered',
    failure: word === 'eval_fail' ? { kind: 'any' } : null,
    warnings: word === 'eval_warn' ? [{ kind: 'any' }] : [],
    infos: word === 'eval_info' ? [{ kind: 'any' }] : [],
    refusesWarnings: false,
    refusesInfos: false,
    string: null,
    scalar: null,
    rangeVector: null,
    series: [],
  };
}

function readExpectation(text: string, expectations: Expectations): void {
  const old = /^expected_fail_(message|regexp)\s+(.*)$/.exec(text);
  if (old !== null) {
    expectations.failure =
      old[1] === 'message' ? { kind: 'text', text: old[2]! } : patternOf(old[2]!);
    return;
  }
  const expected = /^expect\s+(.*)$/.exec(text);
  if (expected !== null) {
    readExpectLine(expected[1]!, expectations);
    return;
  }
  if (isScriptNumber(text)) {
    expectations.scalar = parseScriptNumber(text);
    return;
  }
  expectations.series.push(parseSeriesNotation(text));
}

function readExpectLine(text: string, expectations: Expectations): void {
  const word = text.split(/\s/, 1)[0]!;
  const rest = text.slice(word.length).trim();
  switch (word) {
    case 'ordered':
      expectations.isOrdered = true;
      break;
    case 'fail':
      if (expectations.failure !== null) throw new NotationError('only one "expect fail" line');
      expectations.failure = messageOf(rest);
      break;
    case 'warn':
      expectations.warnings.push(messageOf(rest));
      break;
    case 'info':
      expectations.infos.push(messageOf(rest));
      break;
    case 'no_warn':
      expectations.refusesWarnings = true;
      break;
    case 'no_info':
      expectations.refusesInfos = true;
      break;
    case 'string':
      expectations.string = stringOf(rest);
      break;
    case 'range': {
      const match = RANGE_VECTOR.exec(text);
      if (match === null) {
        throw new NotationError(
          `"expect ${text}": expected "range vector from TIME to TIME step DURATION"`,
        );
      }
      expectations.rangeVector = rangeOf(match[1]!, match[2]!, match[3]!);
      break;
    }
    default:
      throw new NotationError(
        `"expect ${text}": expected ordered, fail, warn, info, no_warn, no_info, string or range vector`,
      );
  }
}

function checkExpectations(expectations: Expectations, isInstant: boolean, times: TimeRange): void {
  const { warnings, infos, refusesWarnings, refusesInfos, series } = expectations;
  if ((warnings.length > 0 && refusesWarnings) || (infos.length > 0 && refusesInfos)) {
    throw new NotationError('an annotation cannot be both expected and refused');
  }
  if (!isInstant) {
    if (expectations.isOrdered) throw new NotationError('range queries are always in order');
    if (expectations.string !== null) throw new NotationError('a range query gives no string');
    if (expectations.rangeVector !== null) {
      throw new NotationError('a range query gives no range vector');
    }
  }
  const results = [expectations.string, expectations.scalar].filter((one) => one !== null).length;
  if (results > 1 || (results === 1 && series.length > 0)) {
    throw new NotationError('more than one kind of result is expected');
  }
  const span = expectations.rangeVector ?? times;
  const most = span.stepMs === 0 ? 1 : Math.floor((span.endMs - span.startMs) / span.stepMs) + 1;
  for (const { labels, values } of series) {
    if (values.length <= most) continue;
    throw new NotationError(
      `series ${labels.toString()} has ${values.length} values, but the query has ${most} step(s)`,
    );
  }
}

function messageOf(text: string): Expectation {
  if (text === '') return { kind: 'any' };
  const match = /^(msg|regex):(.*)$/.exec(text);
  if (match === null) throw new NotationError(`"${text}": expected msg: TEXT or regex: PATTERN`);
  const rest = match[2]!.trim();
  return match[1] === 'msg' ? { kind: 'text', text: rest } : patternOf(rest);
}

function patternOf(source: string): Expectation {
  return { kind: 'pattern', pattern: new LinearRegExp(`.*(?:${source}).*`), source };
}

function stringOf(text: string): string {
  const literal = parseExpr(text);
  if (literal.kind !== 'string') throw new NotationError(`${text}: expected a string in quotes`);
  return literal.value;
}

function rangeOf(start: string, end: string, step: string): TimeRange {
  const range = { startMs: durationOf(start), endMs: durationOf(end), stepMs: durationOf(step) };
  if (range.endMs < range.startMs) throw new NotationError('the end is before the start');
  if (range.stepMs <= 0) throw new NotationError('the step has to be above 0');
  return range;
}

function durationOf(text: string): number {
  return text.startsWith('-') ? -parseDurationMs(text.slice(1)) : parseDurationMs(text);
}

/** Adds the line to what goes wrong in reading it. */
function at<T>(line: Line, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const isExpected =
      error instanceof NotationError ||
      error instanceof DurationSyntaxError ||
      error instanceof RegExpSyntaxError ||
      error instanceof PromqlSyntaxError;
    if (!isExpected) throw error;
    throw new ScriptSyntaxError(line.number, error.message, { cause: error });
  }
}
