/** Units of UCUM and OpenTelemetry as Prometheus writes them (OpenTelemetry's compatibility specification). */
const UNITS: ReadonlyMap<string, string> = new Map([
  ['d', 'days'],
  ['h', 'hours'],
  ['min', 'minutes'],
  ['s', 'seconds'],
  ['ms', 'milliseconds'],
  ['us', 'microseconds'],
  ['ns', 'nanoseconds'],
  ['By', 'bytes'],
  ['KiBy', 'kibibytes'],
  ['MiBy', 'mebibytes'],
  ['GiBy', 'gibibytes'],
  ['TiBy', 'tibibytes'],
  ['KBy', 'kilobytes'],
  ['MBy', 'megabytes'],
  ['GBy', 'gigabytes'],
  ['TBy', 'terabytes'],
  ['m', 'meters'],
  ['V', 'volts'],
  ['A', 'amperes'],
  ['J', 'joules'],
  ['W', 'watts'],
  ['g', 'grams'],
  ['Cel', 'celsius'],
  ['Hz', 'hertz'],
  ['1', ''],
  ['%', 'percent'],
]);
const PER_UNITS: ReadonlyMap<string, string> = new Map([
  ['s', 'second'],
  ['m', 'minute'],
  ['h', 'hour'],
  ['d', 'day'],
  ['w', 'week'],
  ['mo', 'month'],
  ['y', 'year'],
]);

/** What of a metric decides its suffix. */
export type MetricKind = 'gauge' | 'counter' | 'other';

/** The metric's unit in words, such as `seconds` or `bytes_per_second`; empty where it has none. */
export function translatedUnit(unit: string): string {
  const { main, per } = unitParts(unit);
  return [main, per === '' ? '' : `per_${per}`].filter((part) => part !== '').join('_');
}

function unitParts(unit: string): { main: string; per: string } {
  const slash = unit.indexOf('/');
  const main = slash < 0 ? unit : unit.slice(0, slash);
  const per = slash < 0 ? '' : unit.slice(slash + 1);
  return { main: unitWord(main, UNITS), per: unitWord(per, PER_UNITS) };
}

function unitWord(unit: string, words: ReadonlyMap<string, string>): string {
  const trimmed = unit.trim();
  // In braces are annotations, such as {request}, which are no part of a name.
  if (trimmed === '' || /[{}]/.test(trimmed)) return '';
  return tokensOf(words.get(trimmed) ?? trimmed).join('_');
}

/**
 * The name as Prometheus 3 writes it by default (UnderscoreEscapingWithSuffixes): words joined by underscores, with the
 * unit, `_total` of a counter and `_ratio` of a gauge without a unit at the end. Empty where nothing of it is left.
 */
export function metricNameOf(name: string, unit: string, kind: MetricKind): string {
  let tokens = tokensOf(name);
  if (tokens.length === 0) return '';
  const { main, per } = unitParts(unit);
  if (main !== '' && !tokens.includes(main)) tokens.push(main);
  if (per !== '' && !tokens.includes(per)) tokens.push('per', per);
  if (kind === 'counter') tokens = atTheEnd(tokens, 'total');
  if (kind === 'gauge' && unit === '1') tokens = atTheEnd(tokens, 'ratio');
  const joined = tokens.join('_');
  return /^\d/.test(joined) ? `_${joined}` : joined;
}

function tokensOf(text: string): string[] {
  return text.split(/[^a-zA-Z0-9:]+/).filter((token) => token !== '');
}

function atTheEnd(tokens: readonly string[], last: string): string[] {
  return [...tokens.filter((token) => token !== last), last];
}

/** An attribute's key as a label name: runs of what no name may have become one underscore. */
export function labelNameOf(key: string): string {
  if (/^__[a-zA-Z0-9_]*__$/.test(key)) return key;
  const name = key.replace(/[^a-zA-Z0-9]+/g, '_');
  if (/^\d/.test(name)) return `key_${name}`;
  return name.startsWith('_') ? `key${name}` : name;
}
