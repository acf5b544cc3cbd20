import { type ParserSpec, RecordParser } from './record-parser.ts';

const APACHE_TIME = { timeField: 'time', timeFormat: '%d/%b/%Y:%H:%M:%S %z' };

/** Parsers that are there without being configured, under the names that Fluent Bit's users know. */
const BUILT_IN: readonly ParserSpec[] = [
  { name: 'json', format: 'json' },
  { name: 'logfmt', format: 'logfmt' },
  { name: 'apache', format: 'grok', pattern: '^%{COMBINEDAPACHELOG}', ...APACHE_TIME },
  {
    name: 'apache2',
    format: 'grok',
    pattern: '^%{COMMONAPACHELOG}(?: "%{DATA:referer}" "%{DATA:agent}")?',
    ...APACHE_TIME,
  },
  {
    name: 'nginx',
    format: 'grok',
    pattern: '^%{COMMONAPACHELOG}(?: "%{DATA:referer}" "%{DATA:agent}")?',
    ...APACHE_TIME,
  },
  {
    name: 'apache_error',
    format: 'grok',
    pattern:
      '^\\[(?:%{DAY} %{MONTH} +%{MONTHDAY} %{TIME} %{YEAR})\\] \\[(?:[a-z_]+:)?%{WORD:level}\\](?: \\[pid %{POSINT:pid}(?::tid %{INT:tid})?\\])?(?: \\[client %{NOTSPACE:client}\\])? %{GREEDYDATA:message}',
  },
  {
    name: 'syslog-rfc5424',
    format: 'grok',
    pattern:
      '^<%{NONNEGINT:priority}>1 %{NOTSPACE:time} %{NOTSPACE:host} %{NOTSPACE:program} %{NOTSPACE:pid} %{NOTSPACE:message_id} (?:-|(?P<structured_data>(?:\\[[^\\]]*\\])+))(?: %{GREEDYDATA:message})?$',
    timeField: 'time',
  },
  {
    name: 'syslog-rfc3164',
    format: 'grok',
    pattern:
      '^<%{NONNEGINT:priority}>%{SYSLOGTIMESTAMP:time} %{IPORHOST:host} %{SYSLOGPROG}: %{GREEDYDATA:message}',
    timeField: 'time',
    timeFormat: '%b %e %H:%M:%S',
  },
  {
    name: 'klog',
    format: 'regex',
    pattern:
      '^(?<severity_letter>[IWEF])(?<time>[0-9]{4} [0-9:.]+) +(?<thread>[0-9]+) (?<source>[^ \\]]+:[0-9]+)\\] (?<message>.*)',
    numbers: ['thread'],
    timeField: 'time',
    timeFormat: '%m%d %H:%M:%S.%f',
  },
];

/** Parsers by name: those that are configured, then those that are built in. They are made when they are first used. */
export class ParserSet {
  readonly #specs: ReadonlyMap<string, ParserSpec>;
  readonly #made = new Map<string, RecordParser>();

  constructor(specs: readonly ParserSpec[]) {
    this.#specs = new Map([...BUILT_IN, ...specs].map((spec) => [spec.name, spec]));
  }

  get names(): readonly string[] {
    return [...this.#specs.keys()];
  }

  /** @throws RegExpSyntaxError, TimeFormatError */
  get(name: string): RecordParser | null {
    const made = this.#made.get(name);
    if (made !== undefined) return made;
    const spec = this.#specs.get(name);
    if (spec === undefined) return null;
    const parser = new RecordParser(spec);
    this.#made.set(name, parser);
    return parser;
  }
}
