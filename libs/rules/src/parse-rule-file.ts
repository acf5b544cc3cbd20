import { AlertTemplate, prometheusFunctions, TemplateParseError } from '#libs/go-template';
import {
  compareUtf8,
  DurationSyntaxError,
  isValidUtf8Name,
  METRIC_NAME,
  parseDurationMs,
} from '#libs/labels';
import { type Expr, parseExpr, type PromqlFeatures, PromqlSyntaxError } from '#libs/promql';
import {
  ConfigTextError,
  readYamlTree,
  readYamlTrees,
  type YamlEntry,
  type YamlMapTree,
  type YamlTree,
} from '#libs/yaml-config';
import {
  EXTENSION_PREFIX,
  NO_EXTENSIONS,
  readRuleExtensions,
  RuleExtensionError,
  type RuleExtensions,
} from './rule-extensions.ts';
import { isManifest, readManifests } from './rule-manifest.ts';
import {
  type AlertingRuleConfig,
  type OtherLanguage,
  type RecordingRuleConfig,
  type RuleConfig,
  type RuleFile,
  RuleFileError,
  type RuleGroupConfig,
  type RuleProblem,
} from './rule-file.ts';

export interface ParseRuleFileOptions {
  /** The file's name as messages show it. */
  readonly file: string;
  /** Largest text taken, in UTF-16 units. Default 8 Mi. */
  readonly maxLength?: number;
  /** Most rules taken from one file. Default 50,000. */
  readonly maxRules?: number;
  /** Parts of PromQL to refuse, as a Prometheus without the feature flag would. Default: none. */
  readonly features?: Partial<PromqlFeatures>;
  /** What expressions are written in instead of PromQL. */
  readonly language?: OtherLanguage;
  /** Whether fields that nobody knows are passed over. Off by default. */
  readonly ignoreUnknownFields?: boolean;
}

const GROUP_KEYS = ['interval', 'labels', 'limit', 'name', 'query_offset', 'rules'];
/** Thanos's field is for Thanos; the Prometheus operator takes it out before Prometheus reads the rules. */
const MANIFEST_GROUP_KEYS = [...GROUP_KEYS, 'partial_response_strategy'];
const RULE_KEYS = ['alert', 'annotations', 'expr', 'for', 'keep_firing_for', 'labels', 'record'];
const MAX_PROBLEMS = 100;
const NO_PAIRS: readonly (readonly [string, string])[] = [];
/** In the place of an expression of another language. */
const NO_SERIES = parseExpr('0');
const TEMPLATE_FUNCTIONS = prometheusFunctions({ externalUrl: '' });

/**
 * Reads a rule file as Prometheus 3 does: unknown fields, bad names, expressions and templates are refused, all of them
 * told at once. Of a
 * rule file only the first YAML document counts; of Kubernetes manifests (`PrometheusRule`, `ConfigMap`, lists) every one.
 * @throws RuleFileError
 */
export function parseRuleFile(text: string, options: ParseRuleFileOptions): RuleFile {
  return new RuleFileReader(options).read(text);
}

class RuleFileReader {
  readonly #options: ParseRuleFileOptions;
  readonly #problems: RuleProblem[] = [];
  readonly #warnings: string[] = [];
  /** What tells groups of one name apart: the file, or a part of it. */
  #origin: string;
  #groupKeys = GROUP_KEYS;
  #ruleCount = 0;
  #group: string | null = null;
  #rule = 0;
  #ruleName = '';

  constructor(options: ParseRuleFileOptions) {
    this.#options = options;
    this.#origin = options.file;
  }

  read(text: string): RuleFile {
    const { file, maxLength = 8 * 1024 * 1024 } = this.#options;
    let groups: RuleGroupConfig[];
    try {
      groups = this.#groupsOf(text, { file, maxLength });
    } catch (error) {
      if (!(error instanceof ConfigTextError)) throw error;
      const problems = error.problems.map(({ line, message }) => ({
        line,
        group: null,
        rule: 0,
        ruleName: '',
        message: `not YAML: ${message}`,
      }));
      throw new RuleFileError(file, problems);
    }
    if (this.#problems.length > 0) throw new RuleFileError(file, this.#problems);
    return { file, groups, warnings: this.#warnings };
  }

  /** @throws ConfigTextError */
  #groupsOf(text: string, options: { file: string; maxLength: number }): RuleGroupConfig[] {
    const { root, hasMoreDocuments } = readYamlTree(text, options);
    if (root?.kind === 'map' && isManifest(root)) {
      return this.#groupsOfManifests(hasMoreDocuments ? readYamlTrees(text, options) : [root]);
    }
    if (hasMoreDocuments) {
      this.#warnings.push(`${options.file}: only the first YAML document is read`);
    }
    if (root === null || (root.kind === 'scalar' && root.isNull)) return [];
    if (root.kind === 'map') return this.#groups(root);
    this.#problem(root.line, 'expected a map with the key "groups"');
    return [];
  }

  #groupsOfManifests(documents: readonly YamlTree[]): RuleGroupConfig[] {
    const { file } = this.#options;
    const { rules, problems, warnings } = readManifests(documents, file);
    for (const { line, message } of problems) this.#problem(line, message);
    this.#warnings.push(...warnings);
    if (rules.length === 0 && problems.length === 0) {
      this.#problem(1, 'no rules in here; of manifests, PrometheusRule and ConfigMap are read');
    }
    return rules.flatMap(({ origin, body }) => {
      this.#origin = origin;
      this.#groupKeys = MANIFEST_GROUP_KEYS;
      return this.#groups(body);
    });
  }

  #problem(line: number, message: string): void {
    if (this.#problems.length >= MAX_PROBLEMS) return;
    this.#problems.push({
      line,
      group: this.#group,
      rule: this.#rule,
      ruleName: this.#ruleName,
      message,
    });
  }

  /** @param body the document itself, or what a manifest has of it */
  #groups(body: YamlMapTree): RuleGroupConfig[] {
    this.#group = null;
    this.#rule = 0;
    this.#ruleName = '';
    this.#knownKeys(body, ['groups']);
    const groupsEntry = body.entries.find(({ key }) => key === 'groups');
    if (groupsEntry === undefined) return [];
    const names = new Set<string>();
    const groups: RuleGroupConfig[] = [];
    for (const item of this.#list(groupsEntry)) {
      const group = this.#readGroup(item);
      if (group === null) continue;
      if (names.has(group.name)) {
        this.#group = null;
        this.#problem(
          group.line,
          `groupname: ${JSON.stringify(group.name)} is repeated in the same file`,
        );
      }
      names.add(group.name);
      groups.push(group);
    }
    return groups;
  }

  #knownKeys(map: YamlMapTree, accepted: readonly string[]): void {
    if (this.#options.ignoreUnknownFields === true) return;
    for (const { key, keyLine } of map.entries) {
      if (accepted.includes(key)) continue;
      this.#problem(
        keyLine,
        `unknown field ${JSON.stringify(key)}; accepted are ${accepted.join(', ')}`,
      );
    }
  }

  #list({ key, keyLine, value }: YamlEntry): readonly YamlTree[] {
    if (value.kind === 'list') return value.items;
    if (value.kind === 'scalar' && value.isNull) return [];
    this.#problem(keyLine, `field ${JSON.stringify(key)} takes a list`);
    return [];
  }

  #readGroup(tree: YamlTree): RuleGroupConfig | null {
    this.#group = null;
    this.#rule = 0;
    this.#ruleName = '';
    if (tree.kind !== 'map') {
      this.#problem(tree.line, 'a group is a map with name and rules');
      return null;
    }
    const fields = new Fields(tree);
    const name = this.#text(fields.get('name'));
    this.#group = name;
    this.#knownKeys(tree, this.#groupKeys);
    if (name === '') this.#problem(tree.line, 'Groupname must not be empty');
    const labels = this.#pairs(fields.get('labels'), 'label');
    const rules: RuleConfig[] = [];
    const rulesEntry = fields.get('rules');
    for (const item of rulesEntry === undefined ? [] : this.#list(rulesEntry)) {
      const { maxRules = 50_000 } = this.#options;
      if (++this.#ruleCount > maxRules) {
        this.#rule = 0;
        this.#problem(item.line, `more than ${maxRules} rules in one file`);
        break;
      }
      this.#rule++;
      const rule = this.#readRule(item, labels);
      if (rule !== null) rules.push(rule);
    }
    this.#rule = 0;
    this.#ruleName = '';
    const intervalMs = this.#duration(fields.get('interval'));
    return {
      file: this.#origin,
      name,
      line: tree.line,
      intervalMs: intervalMs === 0 ? null : intervalMs,
      queryOffsetMs: this.#duration(fields.get('query_offset')),
      limit: this.#integer(fields.get('limit')),
      rules,
    };
  }

  #readRule(
    tree: YamlTree,
    groupLabels: readonly (readonly [string, string])[],
  ): RuleConfig | null {
    this.#ruleName = '';
    if (tree.kind !== 'map') {
      this.#problem(tree.line, 'a rule is a map with alert or record, and expr');
      return null;
    }
    const fields = new Fields(tree);
    const alert = this.#text(fields.get('alert'));
    const record = this.#text(fields.get('record'));
    this.#ruleName = alert === '' ? record : alert;
    this.#knownKeys(tree, RULE_KEYS);
    if (alert !== '' && record !== '') {
      this.#problem(tree.line, "only one of 'record' and 'alert' must be set");
      return null;
    }
    if (alert === '' && record === '') {
      this.#problem(tree.line, "one of 'record' or 'alert' must be set");
      return null;
    }
    const expr = this.#expression(fields.get('expr'), tree.line);
    const labels = mergePairs(groupLabels, this.#pairs(fields.get('labels'), 'label'));
    const annotations = this.#pairs(fields.get('annotations'), 'annotation');
    const holdMs = this.#duration(fields.get('for')) ?? 0;
    const keepFiringMs = this.#duration(fields.get('keep_firing_for')) ?? 0;
    if (record === '') {
      this.#checkTemplates(alert, 'label', labels, fields.get('labels')?.value ?? tree);
      this.#checkTemplates(
        alert,
        'annotation',
        annotations,
        fields.get('annotations')?.value ?? tree,
      );
    } else {
      this.#checkRecording(fields, record, tree.line, { holdMs, keepFiringMs });
    }
    if (expr === null) return null;
    const { language } = this.#options;
    const base = {
      name: this.#ruleName,
      line: tree.line,
      expr: expr.expr,
      exprText: expr.text,
      ...(language === undefined ? {} : { language: language.name }),
    };
    if (record === '') {
      const rule: AlertingRuleConfig = {
        kind: 'alerting',
        ...base,
        labels,
        annotations: annotations.filter(([name]) => !name.startsWith(EXTENSION_PREFIX)),
        holdMs,
        keepFiringMs,
        extensions: this.#extensions(annotations, fields.get('annotations')?.value ?? tree),
      };
      return rule;
    }
    const rule: RecordingRuleConfig = { kind: 'recording', ...base, labels };
    return rule;
  }

  #extensions(annotations: readonly (readonly [string, string])[], map: YamlTree): RuleExtensions {
    const own = annotations.filter(([name]) => name.startsWith(EXTENSION_PREFIX));
    if (own.length === 0) return NO_EXTENSIONS;
    const { language } = this.#options;
    if (language !== undefined) {
      const name = own[0]![0];
      this.#problem(map.line, `${name} is for series, which ${language.name} does not read`);
      return NO_EXTENSIONS;
    }
    try {
      return readRuleExtensions(own);
    } catch (error) {
      if (!(error instanceof RuleExtensionError)) throw error;
      const entry =
        map.kind === 'map' ? map.entries.find(({ key }) => key === error.annotation) : undefined;
      this.#problem(entry?.keyLine ?? map.line, error.message);
      return NO_EXTENSIONS;
    }
  }

  #checkRecording(
    fields: Fields,
    name: string,
    line: number,
    { holdMs, keepFiringMs }: { holdMs: number; keepFiringMs: number },
  ): void {
    const at = (key: string): number => fields.get(key)?.keyLine ?? line;
    const annotations = fields.get('annotations')?.value;
    if (annotations?.kind === 'map' && annotations.entries.length > 0) {
      this.#problem(at('annotations'), "invalid field 'annotations' in recording rule");
    }
    if (holdMs !== 0) this.#problem(at('for'), "invalid field 'for' in recording rule");
    if (keepFiringMs !== 0) {
      this.#problem(at('keep_firing_for'), "invalid field 'keep_firing_for' in recording rule");
    }
    if (/[{}]/.test(name)) {
      this.#problem(
        at('record'),
        `braces present in the recording rule name; should it be in expr?: ${name}`,
      );
    } else if (!isValidUtf8Name(name)) {
      this.#problem(at('record'), `invalid recording rule name: ${name}`);
    }
  }

  #expression(entry: YamlEntry | undefined, ruleLine: number): { expr: Expr; text: string } | null {
    const text = this.#text(entry);
    if (entry === undefined || text === '') {
      this.#problem(entry?.keyLine ?? ruleLine, "field 'expr' must be set in rule");
      return null;
    }
    const { features, language } = this.#options;
    if (language !== undefined) {
      const problem = language.check(text);
      if (problem === null) return { expr: NO_SERIES, text };
      this.#problem(entry.value.line, `could not parse expression: ${problem}`);
      return null;
    }
    try {
      return { expr: parseExpr(text, features === undefined ? {} : { features }), text };
    } catch (error) {
      if (!(error instanceof PromqlSyntaxError)) throw error;
      this.#problem(entry.value.line, `could not parse expression: ${error.message}`);
      return null;
    }
  }

  #checkTemplates(
    alert: string,
    what: 'label' | 'annotation',
    pairs: readonly (readonly [string, string])[],
    map: YamlTree,
  ): void {
    for (const [name, text] of pairs) {
      if (!text.includes('{{')) continue;
      try {
        void new AlertTemplate(alert, text, TEMPLATE_FUNCTIONS);
      } catch (error) {
        if (!(error instanceof TemplateParseError)) throw error;
        const entry = map.kind === 'map' ? map.entries.find(({ key }) => key === name) : undefined;
        this.#problem(
          entry?.keyLine ?? map.line,
          `${what} ${JSON.stringify(name)}: ${error.reason}`,
        );
      }
    }
  }

  #pairs(
    entry: YamlEntry | undefined,
    what: 'label' | 'annotation',
  ): readonly (readonly [string, string])[] {
    if (entry === undefined) return NO_PAIRS;
    const { value } = entry;
    if (value.kind === 'scalar' && value.isNull) return NO_PAIRS;
    if (value.kind !== 'map') {
      this.#problem(entry.keyLine, `field ${JSON.stringify(entry.key)} takes a map of texts`);
      return NO_PAIRS;
    }
    const pairs: (readonly [string, string])[] = [];
    for (const item of value.entries) {
      const { key, keyLine } = item;
      if (!isValidUtf8Name(key) || (what === 'label' && key === METRIC_NAME)) {
        this.#problem(keyLine, `invalid ${what} name: ${key}`);
        continue;
      }
      const text = this.#text(item);
      if (what === 'label' && !text.isWellFormed()) {
        this.#problem(keyLine, `invalid label value: ${JSON.stringify(text)}`);
        continue;
      }
      pairs.push([key, text]);
    }
    return pairs.toSorted((a, b) => compareUtf8(a[0], b[0]));
  }

  #text(entry: YamlEntry | undefined): string {
    if (entry === undefined) return '';
    if (entry.value.kind === 'scalar') return entry.value.text;
    this.#problem(entry.keyLine, `field ${JSON.stringify(entry.key)} takes a text`);
    return '';
  }

  #duration(entry: YamlEntry | undefined): number | null {
    if (entry === undefined || (entry.value.kind === 'scalar' && entry.value.isNull)) return null;
    try {
      return parseDurationMs(this.#text(entry));
    } catch (error) {
      if (!(error instanceof DurationSyntaxError)) throw error;
      this.#problem(entry.keyLine, `field ${JSON.stringify(entry.key)}: ${error.message}`);
      return null;
    }
  }

  #integer(entry: YamlEntry | undefined): number {
    const text = this.#text(entry);
    if (entry === undefined || text === '') return 0;
    const value = Number(text);
    if (/^[+-]?[0-9]+$/.test(text) && Number.isSafeInteger(value)) return value;
    this.#problem(entry.keyLine, `field ${JSON.stringify(entry.key)} takes a whole number`);
    return 0;
  }
}

class Fields {
  readonly #entries: ReadonlyMap<string, YamlEntry>;
  constructor(map: YamlMapTree) {
    this.#entries = new Map(map.entries.map((entry) => [entry.key, entry]));
  }
  get(key: string): YamlEntry | undefined {
    return this.#entries.get(key);
  }
}

/** The rule's pairs over the group's, sorted by name. */
function mergePairs(
  group: readonly (readonly [string, string])[],
  rule: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  if (group.length === 0) return rule;
  const merged = new Map([...group, ...rule]);
  return [...merged].toSorted((a, b) => compareUtf8(a[0], b[0]));
}
