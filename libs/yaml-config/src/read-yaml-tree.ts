import {
  type Document,
  isNode,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
} from 'yaml';
import { ConfigTextError } from './config-text-error.ts';
import type { ParseYamlOptions } from './parse-yaml-config.ts';
import { refuseUnreadable, refuseUnsound, YAML_OPTIONS } from './sound-document.ts';

/** A YAML value with its place, for formats that need each value's line and the text of scalars as written. */
export type YamlTree = YamlMapTree | YamlListTree | YamlScalarTree;

interface Placed {
  /** 1-based line and column of the value's first character. */
  readonly line: number;
  readonly column: number;
}

export interface YamlMapTree extends Placed {
  readonly kind: 'map';
  /** In the order written; merge keys (`<<`) are resolved, and a key comes once. */
  readonly entries: readonly YamlEntry[];
}

export interface YamlEntry {
  readonly key: string;
  readonly keyLine: number;
  readonly value: YamlTree;
}

export interface YamlListTree extends Placed {
  readonly kind: 'list';
  readonly items: readonly YamlTree[];
}

export interface YamlScalarTree extends Placed {
  readonly kind: 'scalar';
  /** The text without quotes; `1.10` and `yes` stay as written, null is the empty text. */
  readonly text: string;
  readonly isNull: boolean;
}

export interface YamlTreeDocument {
  /** Null for an empty document. */
  readonly root: YamlTree | null;
  /** Whether more documents follow the first, which are not read. */
  readonly hasMoreDocuments: boolean;
}

/**
 * Reads the first document of a YAML text. An alias gives the very tree of its anchor, so a small file stays small in
 * memory; whoever walks it must not follow lists without a bound.
 * @throws ConfigTextError
 */
export function readYamlTree(text: string, options: ParseYamlOptions): YamlTreeDocument {
  const { file, maxLength = 4 * 1024 * 1024 } = options;
  refuseUnreadable(text, file, maxLength);
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    ...YAML_OPTIONS,
  }) as Document.Parsed[];
  const document = documents[0];
  if (document === undefined) return { root: null, hasMoreDocuments: false };
  refuseUnsound(document, lines, file);
  const root = new TreeBuilder(lines, file).build(document.contents);
  return { root, hasMoreDocuments: documents.length > 1 };
}

/** Most entries that merge keys may add in one text; each level of a chain of them adds all those before it. */
const MAX_MERGED_ENTRIES = 100_000;

class TreeBuilder {
  readonly #lines: LineCounter;
  readonly #file: string;
  readonly #built = new Map<unknown, YamlTree>();
  readonly #underway = new Set<unknown>();
  /** The node each anchor stood at last; an alias means the one before it. */
  readonly #anchors = new Map<string, unknown>();
  #mergedCount = 0;

  constructor(lines: LineCounter, file: string) {
    this.#lines = lines;
    this.#file = file;
  }

  build(node: unknown): YamlTree | null {
    if (!isNode(node)) return null;
    const known = this.#built.get(node);
    if (known !== undefined) return known;
    const { line, col: column } = this.#lines.linePos(node.range?.[0] ?? 0);
    if (this.#underway.has(node)) this.#fail(line, 'an alias refers to a node that contains it');
    this.#underway.add(node);
    const tree = this.#buildNew(node, line, column);
    this.#underway.delete(node);
    this.#built.set(node, tree);
    return tree;
  }

  #buildNew(node: Node, line: number, column: number): YamlTree {
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      return this.build(target) ?? this.#fail(line, `no anchor &${node.source} before this alias`);
    }
    if (node.anchor !== undefined && node.anchor !== '') this.#anchors.set(node.anchor, node);
    if (isScalar(node)) {
      const { value } = node;
      const isNull = value === null;
      // A plain number or truth value is the text that stands in the file.
      const plain = node.source ?? String(value);
      const text = typeof value === 'string' ? value : isNull ? '' : plain;
      return { kind: 'scalar', line, column, text, isNull };
    }
    if (isSeq(node)) {
      const items = node.items.map((item) => this.#valueOf(item, line, column));
      return { kind: 'list', line, column, items };
    }
    if (!isMap(node)) return this.#fail(line, 'unexpected node');
    const entries = new Map<string, YamlEntry>();
    const merged: YamlEntry[] = [];
    for (const pair of node.items) {
      const keyNode: unknown = pair.key;
      const keyOffset = isNode(keyNode) ? (keyNode.range?.[0] ?? 0) : 0;
      const keyLine = this.#lines.linePos(keyOffset).line;
      const key = isScalar(keyNode) ? String(keyNode.source ?? keyNode.value) : '';
      const text = isScalar(keyNode) && typeof keyNode.value === 'string' ? keyNode.value : key;
      const value = this.#valueOf(pair.value, keyLine, 1);
      if (text === '<<') merged.push(...this.#mergedEntries(value, keyLine));
      else entries.set(text, { key: text, keyLine, value });
    }
    for (const entry of merged) if (!entries.has(entry.key)) entries.set(entry.key, entry);
    return { kind: 'map', line, column, entries: [...entries.values()] };
  }

  #mergedEntries(value: YamlTree, line: number): readonly YamlEntry[] {
    if (value.kind === 'map') {
      this.#mergedCount += value.entries.length;
      if (this.#mergedCount <= MAX_MERGED_ENTRIES) return value.entries;
      this.#fail(line, `merge keys add more than ${MAX_MERGED_ENTRIES} entries`);
    }
    if (value.kind === 'list')
      return value.items.flatMap((item) => this.#mergedEntries(item, line));
    return this.#fail(line, 'a merge key takes a map or a list of maps');
  }

  #valueOf(node: unknown, line: number, column: number): YamlTree {
    return this.build(node) ?? { kind: 'scalar', line, column, text: '', isNull: true };
  }

  #fail(line: number, message: string): never {
    throw new ConfigTextError(this.#file, [{ line, path: '', message }]);
  }
}
