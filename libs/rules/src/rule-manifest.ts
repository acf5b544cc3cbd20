import {
  type ConfigProblem,
  ConfigTextError,
  readYamlTree,
  type YamlMapTree,
  type YamlScalarTree,
  type YamlTree,
} from '#libs/yaml-config';

/** A map with `groups`, found in a Kubernetes manifest. */
interface ManifestRules {
  /** What tells its groups from those of other parts of the same file. */
  readonly origin: string;
  readonly body: YamlMapTree;
}

/** What the manifests of a file hold. */
export interface ManifestContents {
  readonly rules: readonly ManifestRules[];
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly string[];
}

/** Levels of lists of manifests; `kubectl` makes one. */
const MAX_LIST_DEPTH = 4;

/** Whether a document is a manifest of Kubernetes, not a rule file. */
export function isManifest(root: YamlMapTree): boolean {
  const kind = textAt(root, 'kind');
  return (
    kind === 'PrometheusRule' ||
    kind === 'ConfigMap' ||
    (kind !== '' && at(root, 'apiVersion') !== null)
  );
}

/**
 * The rules in manifests: the `spec` of a `PrometheusRule`, and each text in the `data` of a `ConfigMap` that has
 * `groups`; lists of manifests are gone through. Other kinds are passed over with a warning.
 * @param file as messages show it
 */
export function readManifests(documents: readonly YamlTree[], file: string): ManifestContents {
  const reader = new ManifestReader(file, documents.length > 1);
  for (const document of documents) reader.read(document, 0);
  return reader.contents;
}

class ManifestReader {
  readonly #file: string;
  /** Whether groups of one name may come from several manifests. */
  #hasSeveral: boolean;
  readonly #rules: ManifestRules[] = [];
  readonly #problems: ConfigProblem[] = [];
  readonly #warnings: string[] = [];

  constructor(file: string, hasSeveral: boolean) {
    this.#file = file;
    this.#hasSeveral = hasSeveral;
  }

  get contents(): ManifestContents {
    return { rules: this.#rules, problems: this.#problems, warnings: this.#warnings };
  }

  read(root: YamlTree, depth: number): void {
    if (root.kind !== 'map' || depth > MAX_LIST_DEPTH) {
      this.#problem(root.line, 'expected a manifest: a map with apiVersion and kind');
      return;
    }
    const kind = textAt(root, 'kind');
    const items = at(root, 'items');
    if (kind.endsWith('List') && items?.kind === 'list') {
      this.#hasSeveral = true;
      for (const item of items.items) this.read(item, depth + 1);
    } else if (kind === 'PrometheusRule') this.#readPrometheusRule(root);
    else if (kind === 'ConfigMap') this.#readConfigMap(root);
    else {
      this.#warnings.push(
        `${this.#file}:${root.line}: no rules are read from a ${kind || 'document without kind'}, only from PrometheusRule and ConfigMap`,
      );
    }
  }

  #readPrometheusRule(root: YamlMapTree): void {
    const spec = at(root, 'spec');
    if (spec?.kind === 'map') {
      const origin = this.#hasSeveral ? `${this.#file}#${nameOf(root)}` : this.#file;
      this.#rules.push({ origin, body: spec });
      return;
    }
    this.#problem(root.line, 'a PrometheusRule needs a "spec" with "groups"');
  }

  #readConfigMap(root: YamlMapTree): void {
    const data = at(root, 'data');
    let count = 0;
    for (const { key, keyLine, value } of data?.kind === 'map' ? data.entries : []) {
      if (value.kind !== 'scalar' || !/^["']?groups["']?\s*:|^\s*\{/m.test(value.text)) continue;
      const body = this.#readText(value, keyLine);
      if (body === null || at(body, 'groups') === null) continue;
      const name = this.#hasSeveral ? `${nameOf(root)}/${key}` : key;
      this.#rules.push({ origin: `${this.#file}#${name}`, body });
      count++;
    }
    if (count === 0 && this.#problems.length === 0) {
      this.#warnings.push(
        `${this.#file}:${root.line}: the ConfigMap ${nameOf(root)} holds no text with "groups"`,
      );
    }
  }

  /** A text in a manifest; its lines are those of the manifest where it is a literal block, else all are the first. */
  #readText(value: YamlScalarTree, keyLine: number): YamlMapTree | null {
    const firstLine = value.isLiteral ? value.line + 1 : keyLine;
    try {
      const { root } = readYamlTree(value.text, { file: this.#file, firstLine });
      return root?.kind === 'map' ? root : null;
    } catch (error) {
      if (!(error instanceof ConfigTextError)) throw error;
      for (const { line, message } of error.problems) this.#problem(line, `not YAML: ${message}`);
      return null;
    }
  }

  #problem(line: number, message: string): void {
    this.#problems.push({ line, path: '', message });
  }
}

function at(map: YamlMapTree, name: string): YamlTree | null {
  return map.entries.find(({ key }) => key === name)?.value ?? null;
}

function textAt(map: YamlMapTree, name: string): string {
  const value = at(map, name);
  return value?.kind === 'scalar' ? value.text : '';
}

/** `namespace/name`, as far as the manifest has them. */
function nameOf(manifest: YamlMapTree): string {
  const metadata = at(manifest, 'metadata');
  if (metadata?.kind !== 'map') return '';
  const namespace = textAt(metadata, 'namespace');
  return (namespace === '' ? '' : `${namespace}/`) + textAt(metadata, 'name');
}
