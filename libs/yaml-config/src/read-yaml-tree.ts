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
  /** Whether it is a literal block (`|`): line `n` of the text is line `line + n` of the file. */
  readonly isLiteral: boolean;
}

export interface YamlTreeDocument {
  /** Null for an empty document. */
  readonly root: YamlTree | null;
  /** Whether more documents follow the first, which are not read. */
  readonly hasMoreDocuments: boolean;
}

export interface ReadYamlTreeOptions extends ParseYamlOptions {
  /** The line of `file` on which the text begins, where it is a part of it; 1 by default. */
  readonly firstLine?: number;
}

/**
 * Reads the first document of a YAML text. An alias gives the very tree of its anchor, so a small file stays small in
 * memory; whoever walks it must not follow lists without a bound.
 * @throws ConfigTextError
 */
export function readYamlTree(text: string, options: ReadYamlTreeOptions): YamlTreeDocument {
  const { documents, places } = parseDocuments(text, options);
  const [document] = documents;
  if (document === undefined) return { root: null, hasMoreDocuments: false };
  return { root: treeOf(document, places), hasMoreDocuments: documents.length > 1 };
}

/**
 * Reads every document of a YAML text, empty ones left out.
 * @throws ConfigTextError
 */
export function readYamlTrees(text: string, options: ReadYamlTreeOptions): readonly YamlTree[] {
  const { documents, places } = parseDocuments(text, options);
  return documents.flatMap((document) => {
    const tree = treeOf(document, places);
    return tree === null || (tree.kind === 'scalar' && tree.isNull) ? [] : tree;
  });
}

function parseDocuments(
  text: string,
  { file, maxLength = 4 * 1024 * 1024, firstLine = 1 }: ReadYamlTreeOptions,
): { readonly documents: readonly Document.Parsed[]; readonly places: Places } {
  refuseUnreadable(text, file, maxLength);
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    ...YAML_OPTIONS,
  }) as Document.Parsed[];
  return { documents, places: { lines, file, linesBefore: firstLine - 1 } };
}

/** What positions in a text mean. */
interface Places {
  readonly lines: LineCounter;
  readonly file: string;
  readonly linesBefore: number;
}

function treeOf(document: Document.Parsed, places: Places): YamlTree | null {
  const { lines, file, linesBefore } = places;
  try {
    refuseUnsound(document, lines, file);
  } catch (error) {
    if (!(error instanceof ConfigTextError) || linesBefore === 0) throw error;
    throw new ConfigTextError(
      file,
      error.problems.map(({ line, path, message }) => ({
        line: line + linesBefore,
        path,
        message,
      })),
    );
  }
  return new TreeBuilder(places).build(document.contents);
}

/** Most entries that merge keys may add in one text; each level of a chain of them adds all those before it. */
const MAX_MERGED_ENTRIES = 100_000;

class TreeBuilder {
  readonly #places: Places;
  readonly #built = new Map<unknown, YamlTree>();
  readonly #underway = new Set<unknown>();
  /** The node each anchor stood at last; an alias means the one before it. */
  readonly #anchors = new Map<string, unknown>();
  #mergedCount = 0;

  constructor(places: Places) {
    this.#places = places;
  }

  build(node: unknown): YamlTree | null {
    if (!isNode(node)) return null;
    const known = this.#built.get(node);
    if (known !== undefined) return known;
    const { lines, linesBefore } = this.#places;
    const { line: ownLine, col: column } = lines.linePos(node.range?.[0] ?? 0);
    const line = ownLine + linesBefore;
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
      const isLiteral = node.type === 'BLOCK_LITERAL';
      return { kind: 'scalar', line, column, text, isNull, isLiteral };
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
      const keyLine = this.#places.lines.linePos(keyOffset).line + this.#places.linesBefore;
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
    return (
      this.build(node) ?? { kind: 'scalar', line, column, text: '', isNull: true, isLiteral: false }
    );
  }

  #fail(line: number, message: string): never {
    throw new ConfigTextError(this.#places.file, [{ line, path: '', message }]);
  }
}
