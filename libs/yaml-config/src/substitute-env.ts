import { type Document, isPair, isScalar, parse, Scalar, visit } from 'yaml';

/** A variable named in the text that the environment does not have. */
export interface MissingVariable {
  readonly name: string;
  /** Offset of the value in the text. */
  readonly offset: number;
}

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Below these keys `${1}` and `${name}` mean groups of a regular expression, and Prometheus expands nothing. */
const LITERAL_KEYS = new Set([
  'relabel_configs',
  'metric_relabel_configs',
  'write_relabel_configs',
  'query_response',
]);

/**
 * Replaces `${NAME}` in the document's values by the environment's. It works on the parsed values, so that nothing in a
 * variable can change the document's structure; an unquoted value that is a number after replacing is a number.
 * @returns the variables that are not set; their references stay
 */
export function substituteEnv(
  document: Document.Parsed,
  env: Readonly<Record<string, string | undefined>>,
): MissingVariable[] {
  const missing: MissingVariable[] = [];
  visit(document, {
    Pair(_key, pair) {
      if (isPair(pair) && isScalar(pair.key) && LITERAL_KEYS.has(String(pair.key.value))) {
        return visit.SKIP;
      }
      return undefined;
    },
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return;
      let isComplete = true;
      const text = node.value.replaceAll(REFERENCE, (whole, name: string) => {
        const value = Object.hasOwn(env, name) ? env[name] : undefined;
        if (value !== undefined) return value;
        missing.push({ name, offset: node.range?.[0] ?? 0 });
        isComplete = false;
        return whole;
      });
      node.value = isComplete && node.type === Scalar.PLAIN ? resolvePlain(text) : text;
    },
  });
  return missing;
}

function resolvePlain(text: string): unknown {
  if (!/^(?:true|false|[-+]?[0-9.]+(?:e[-+]?[0-9]+)?)$/i.test(text)) return text;
  return parse(text) as unknown;
}
