import { daysFromDate, daysInMonth } from '#libs/calendar';
import { DurationSyntaxError, Labels, parseDurationMs } from '#libs/labels';
import {
  ConfigTextError,
  type ConfigProblem,
  readYamlTree,
  type YamlEntry,
  type YamlMapTree,
  type YamlTree,
} from '#libs/yaml-config';
import type {
  AlertTest,
  ExpectedAlert,
  ExpectedSample,
  ExprTest,
  InputSeries,
  RuleTest,
  RuleTestFile,
} from './rule-test-file.ts';

const FILE_KEYS = [
  'evaluation_interval',
  'fuzzy_compare',
  'group_eval_order',
  'rule_files',
  'tests',
];
const TEST_KEYS = [
  'alert_rule_test',
  'external_labels',
  'external_url',
  'input_series',
  'interval',
  'name',
  'promql_expr_test',
  'start_timestamp',
];
const SERIES_KEYS = ['series', 'values'];
const ALERT_TEST_KEYS = ['alertname', 'eval_time', 'exp_alerts', 'exp_pending'];
const ALERT_KEYS = ['exp_annotations', 'exp_labels'];
const EXPR_TEST_KEYS = ['eval_time', 'exp_samples', 'expr'];
const SAMPLE_KEYS = ['histogram', 'labels', 'value'];

const DEFAULT_INTERVAL_MS = 60_000;
const MAX_PROBLEMS = 100;
const MAX_LENGTH = 16 * 1024 * 1024;

/**
 * Reads a unit-test file as promtool does, with `exp_pending` beside `exp_alerts`. Unknown keys and bad values are all told
 * at once, each with its line.
 * @throws ConfigTextError
 */
export function parseRuleTestFile(text: string, file: string): RuleTestFile {
  return new RuleTestFileReader(file).read(text);
}

class RuleTestFileReader {
  readonly #file: string;
  readonly #problems: ConfigProblem[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  read(text: string): RuleTestFile {
    const { root } = readYamlTree(text, { file: this.#file, maxLength: MAX_LENGTH });
    const fields = this.#fields(root, FILE_KEYS, 'the file');
    const evaluationIntervalMs =
      this.#duration(fields.get('evaluation_interval')) || DEFAULT_INTERVAL_MS;
    const groupEvalOrder = this.#texts(fields.get('group_eval_order'));
    const repeated = groupEvalOrder.find((name, i) => groupEvalOrder.indexOf(name) < i);
    if (repeated !== undefined) {
      const line = fields.get('group_eval_order')?.keyLine ?? 0;
      this.#problem(line, `group name repeated in evaluation order: ${repeated}`);
    }
    const tests = this.#items(fields.get('tests')).map((tree, i) =>
      this.#test(tree, i, evaluationIntervalMs),
    );
    const ruleFiles = this.#texts(fields.get('rule_files'));
    const isFuzzy = this.#boolean(fields.get('fuzzy_compare'));
    if (this.#problems.length > 0) throw new ConfigTextError(this.#file, this.#problems);
    return { file: this.#file, ruleFiles, evaluationIntervalMs, groupEvalOrder, isFuzzy, tests };
  }

  #test(tree: YamlTree, index: number, evaluationIntervalMs: number): RuleTest {
    const fields = this.#fields(tree, TEST_KEYS, 'a test');
    const name = this.#text(fields.get('name'));
    return {
      name,
      title: name === '' ? `unnamed#${index}` : name,
      line: tree.line,
      intervalMs: this.#duration(fields.get('interval')) || evaluationIntervalMs,
      startMs: this.#timestamp(fields.get('start_timestamp')),
      inputSeries: this.#items(fields.get('input_series')).map((item) => this.#series(item)),
      alertTests: this.#items(fields.get('alert_rule_test')).map((item) =>
        this.#alertTest(item, name),
      ),
      exprTests: this.#items(fields.get('promql_expr_test')).map((item) => this.#exprTest(item)),
      externalLabels: this.#labels(fields.get('external_labels')),
      externalUrl: this.#text(fields.get('external_url')),
    };
  }

  #series(tree: YamlTree): InputSeries {
    const fields = this.#fields(tree, SERIES_KEYS, 'an input series');
    return {
      line: tree.line,
      series: this.#text(fields.get('series')),
      values: this.#text(fields.get('values')),
    };
  }

  #alertTest(tree: YamlTree, testName: string): AlertTest {
    const fields = this.#fields(tree, ALERT_TEST_KEYS, 'an item of alert_rule_test');
    const alertName = this.#text(fields.get('alertname'));
    const evalTimeMs = this.#duration(fields.get('eval_time'));
    if (alertName === '') {
      const where = testName === '' ? '' : ` (in TestGroup ${testName})`;
      this.#problem(
        tree.line,
        `an item under alert_rule_test misses required attribute alertname at eval_time ${this.#text(fields.get('eval_time')) || '0s'}${where}`,
      );
    }
    const alerts = (entry: YamlEntry | undefined): ExpectedAlert[] =>
      this.#items(entry).map((item) => this.#expectedAlert(item, alertName));
    const pending = fields.get('exp_pending');
    return {
      line: tree.line,
      evalTimeMs,
      alertName,
      firing: alerts(fields.get('exp_alerts')),
      pending: pending === undefined ? null : alerts(pending),
    };
  }

  #expectedAlert(tree: YamlTree, alertName: string): ExpectedAlert {
    const fields = this.#fields(tree, ALERT_KEYS, 'an expected alert');
    return {
      labels: this.#labels(fields.get('exp_labels')).with('alertname', alertName),
      annotations: this.#labels(fields.get('exp_annotations')),
    };
  }

  #exprTest(tree: YamlTree): ExprTest {
    const fields = this.#fields(tree, EXPR_TEST_KEYS, 'an item of promql_expr_test');
    return {
      line: tree.line,
      evalTimeMs: this.#duration(fields.get('eval_time')),
      expr: this.#text(fields.get('expr')),
      samples: this.#items(fields.get('exp_samples')).map((item) => this.#sample(item)),
    };
  }

  #sample(tree: YamlTree): ExpectedSample {
    const fields = this.#fields(tree, SAMPLE_KEYS, 'an expected sample');
    return {
      series: this.#text(fields.get('labels')),
      value: this.#number(fields.get('value')),
      histogram: this.#text(fields.get('histogram')),
    };
  }

  #problem(line: number, message: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push({ line, path: '', message });
  }

  #fields(
    tree: YamlTree | null,
    accepted: readonly string[],
    what: string,
  ): ReadonlyMap<string, YamlEntry> {
    if (tree === null || (tree.kind === 'scalar' && tree.isNull)) return new Map();
    if (tree.kind !== 'map') {
      this.#problem(tree.line, `${what} is a map of ${accepted.join(', ')}`);
      return new Map();
    }
    for (const { key, keyLine } of tree.entries) {
      if (accepted.includes(key)) continue;
      this.#problem(
        keyLine,
        `unknown field ${JSON.stringify(key)}; accepted are ${accepted.join(', ')}`,
      );
    }
    return byKey(tree);
  }

  #items(entry: YamlEntry | undefined): readonly YamlTree[] {
    if (entry === undefined || isNull(entry)) return [];
    if (entry.value.kind === 'list') return entry.value.items;
    this.#problem(entry.keyLine, `field ${JSON.stringify(entry.key)} takes a list`);
    return [];
  }

  #texts(entry: YamlEntry | undefined): readonly string[] {
    return this.#items(entry).map((value) =>
      this.#text(entry === undefined ? entry : { ...entry, value }),
    );
  }

  #text(entry: YamlEntry | undefined): string {
    if (entry === undefined) return '';
    if (entry.value.kind === 'scalar') return entry.value.text;
    this.#problem(entry.keyLine, `field ${JSON.stringify(entry.key)} takes a text`);
    return '';
  }

  #labels(entry: YamlEntry | undefined): Labels {
    if (entry === undefined || isNull(entry)) return Labels.EMPTY;
    if (entry.value.kind === 'map') {
      return Labels.fromPairs(entry.value.entries.map((item) => [item.key, this.#text(item)]));
    }
    this.#problem(entry.keyLine, `field ${JSON.stringify(entry.key)} takes a map of texts`);
    return Labels.EMPTY;
  }

  #duration(entry: YamlEntry | undefined): number {
    if (entry === undefined || isNull(entry)) return 0;
    try {
      return parseDurationMs(this.#text(entry));
    } catch (error) {
      if (!(error instanceof DurationSyntaxError)) throw error;
      this.#problem(entry.keyLine, `field ${JSON.stringify(entry.key)}: ${error.message}`);
      return 0;
    }
  }

  #boolean(entry: YamlEntry | undefined): boolean {
    if (entry === undefined || isNull(entry)) return false;
    const text = this.#text(entry);
    if (text !== 'true' && text !== 'false') {
      this.#problem(entry.keyLine, `field ${JSON.stringify(entry.key)} takes true or false`);
    }
    return text === 'true';
  }

  #number(entry: YamlEntry | undefined): number {
    if (entry === undefined || isNull(entry)) return 0;
    const value = yamlNumber(this.#text(entry));
    if (value === null) {
      this.#problem(entry.keyLine, `field ${JSON.stringify(entry.key)} takes a number`);
    }
    return value ?? 0;
  }

  #timestamp(entry: YamlEntry | undefined): number {
    if (entry === undefined || isNull(entry)) return 0;
    const text = this.#text(entry);
    const seconds = yamlNumber(text);
    const timeMs = seconds === null ? parseRfc3339(text) : Math.round(seconds * 1_000);
    if (Number.isSafeInteger(timeMs)) return timeMs;
    this.#problem(
      entry.keyLine,
      `field ${JSON.stringify(entry.key)} takes seconds since 1970 or a time such as 2026-01-02T15:04:05Z`,
    );
    return 0;
  }
}

function isNull({ value }: YamlEntry): boolean {
  return value.kind === 'scalar' && value.isNull;
}

function byKey(map: YamlMapTree): ReadonlyMap<string, YamlEntry> {
  return new Map(map.entries.map((entry) => [entry.key, entry]));
}

/** A number in the spellings of YAML and Go, or null. */
function yamlNumber(text: string): number | null {
  if (/^\.nan$/i.test(text) || text === 'NaN') return Number.NaN;
  const infinity = /^([+-]?)\.?inf$/i.exec(text);
  if (infinity !== null) return infinity[1] === '-' ? -Infinity : Infinity;
  const plain = text.replaceAll('_', '');
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(plain)) return Number(plain);
  return /^0x[0-9a-f]+$/i.test(plain) ? Number(plain) : null;
}

const RFC3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** Milliseconds since the epoch, or NaN. */
function parseRfc3339(text: string): number {
  const match = RFC3339.exec(text);
  if (match === null) return Number.NaN;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number);
  const [, , , , , , , fraction = '', sign, offsetHours = '0', offsetMinutes = '0'] = match;
  const isDate = month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
  if (!isDate || hour > 23 || minute > 59 || second > 59) return Number.NaN;
  const offsetMin = Number(offsetHours) * 60 + Number(offsetMinutes);
  const minutes =
    (daysFromDate(year, month, day) * 24 + hour) * 60 +
    minute -
    (sign === '-' ? -offsetMin : offsetMin);
  return (minutes * 60 + second) * 1_000 + Math.floor(Number(`0.${fraction || '0'}`) * 1_000);
}
