import type { ConfigProblem } from '#libs/yaml-config';
import {
  type Document,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  Document as YamlDocument,
  parseAllDocuments,
  visit,
} from 'yaml';

/** A path through maps and lists. */
export type ConfigPath = readonly (string | number)[];

/** More text than any configuration has. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;
const MAX_ALIASES = 100;

/** A text that is no YAML; the message says where. */
export class ConfigDocumentError extends Error {
  override readonly name = 'ConfigDocumentError';
}

/** A YAML document that is taken apart and put together anew; comments stay where they are. */
export class ConfigDocument {
  readonly document: Document;
  readonly #lines: LineCounter | null;

  private constructor(document: Document, lines: LineCounter | null) {
    this.document = document;
    this.#lines = lines;
  }

  /** @param source whose parts will be moved here, and be told by their lines there */
  static empty(source: ConfigDocument | null = null): ConfigDocument {
    return new ConfigDocument(new YamlDocument({}), source === null ? null : source.#lines);
  }

  /**
   * All documents of a text.
   * @param file as messages show it
   * @throws ConfigDocumentError
   */
  static parseAll(text: string, file: string): ConfigDocument[] {
    if (Buffer.byteLength(text) > MAX_TEXT_BYTES) {
      throw new ConfigDocumentError(`${file}: more than ${MAX_TEXT_BYTES} bytes`);
    }
    const lines = new LineCounter();
    const documents = parseAllDocuments(text, {
      lineCounter: lines,
      // Without tags such as !!binary, which a configuration never means.
      resolveKnownTags: false,
      logLevel: 'error',
      merge: true,
      stringKeys: true,
      uniqueKeys: false,
    });
    if ('empty' in documents) return [];
    return documents.map((document) => {
      const [error] = document.errors;
      if (error !== undefined) {
        const line = lines.linePos(error.pos[0]).line;
        throw new ConfigDocumentError(`${file}:${line}: ${error.message.split('\n', 1)[0]}`);
      }
      return new ConfigDocument(withoutAliases(document, file), lines);
    });
  }

  get(path: ConfigPath): unknown {
    const node = this.document.getIn(path, true);
    return isNode(node) ? node : undefined;
  }

  text(path: ConfigPath): string {
    const value: unknown = this.document.getIn(path);
    return typeof value === 'string' ? value : '';
  }

  value(path: ConfigPath = []): unknown {
    return valueAt(this.document.toJS(), path);
  }

  has(path: ConfigPath): boolean {
    const node = this.get(path);
    return node !== undefined && !(isScalar(node) && node.value === null);
  }

  set(path: ConfigPath, value: unknown): void {
    this.document.setIn(path, value);
  }

  /** Adds to a list, which is made where there is none. */
  add(path: ConfigPath, value: unknown): void {
    if (!isSeq(this.get(path))) this.document.setIn(path, this.document.createNode([]));
    this.document.addIn(path, isNode(value) ? value : this.document.createNode(value));
  }

  remove(path: ConfigPath): void {
    this.document.deleteIn(path);
    // What is left empty says nothing, or would be read as null.
    for (let length = path.length - 1; length > 0; length--) {
      const parent = this.document.getIn(path.slice(0, length), true);
      if (!isCollection(parent) || parent.items.length > 0) return;
      this.document.deleteIn(path.slice(0, length));
    }
  }

  keys(path: ConfigPath = []): string[] {
    const node = path.length === 0 ? this.document.contents : this.get(path);
    return isMap(node) ? node.items.map(({ key }) => keyText(key)) : [];
  }

  /** How many items a list has; 0 for anything else. */
  size(path: ConfigPath): number {
    const node = this.get(path);
    return isSeq(node) ? node.items.length : 0;
  }

  /** Where in the text that was read, of the innermost part that comes from it; 0 where none does. */
  line(path: ConfigPath): number {
    if (this.#lines === null) return 0;
    let offset = path.length === 0 ? 0 : -1;
    let node: unknown = this.document.contents;
    for (const step of path) {
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => keyText(key) === String(step));
        if (isNode(pair?.key) && pair.key.range) offset = pair.key.range[0];
        node = pair?.value;
      } else if (isSeq(node)) {
        node = node.items[Number(step)];
        if (isNode(node) && node.range) offset = node.range[0];
      }
    }
    return offset < 0 ? 0 : this.#lines.linePos(offset).line;
  }

  toString(): string {
    return this.document.toString({ lineWidth: 0 });
  }
}

/** What was read is a scalar, what was put in may be the text itself. */
function keyText(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}

/** Parts of a document with aliases cannot be moved to another one. */
function withoutAliases(document: Document, file: string): Document {
  let hasAlias = false;
  visit(document, {
    Alias() {
      hasAlias = true;
      return visit.BREAK;
    },
  });
  if (!hasAlias) return document;
  try {
    return new YamlDocument(document.toJS({ maxAliasCount: MAX_ALIASES }), {
      aliasDuplicateObjects: false,
    });
  } catch (error) {
    throw new ConfigDocumentError(`${file}: ${error instanceof Error ? error.message : 'aliases'}`);
  }
}

function valueAt(value: unknown, path: ConfigPath): unknown {
  let current = value;
  for (const step of path) {
    if (Array.isArray(current)) current = current[Number(step)];
    else current = recordOf(current)[step];
  }
  return current;
}

/** A map of a document; empty for anything else. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return NOTHING;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what YAML has apart from lists and scalars
  return value as Readonly<Record<string, unknown>>;
}

const NOTHING: Readonly<Record<string, unknown>> = Object.freeze(Object.create(null));

/** `scrape_configs[0].oauth2` as steps. */
export function toPath({ path }: Pick<ConfigProblem, 'path'>): (string | number)[] {
  return [...path.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, key]) =>
    index === undefined ? key! : Number(index),
  );
}

/** Steps as `scrape_configs[0].oauth2`. */
export function fromPath(path: ConfigPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}
