import { isMap, isScalar, isSeq } from 'yaml';
import { z } from 'zod';
import { unwrapSchema } from './unwrap-schema.ts';

const texts = z.registry<{ readonly keepsSource: true }>();

/**
 * A string for which a plain number or truth value may also be written, and which is then what stands in the file:
 * `version: 1.10` is the text `1.10`, as Go's YAML reader has it, where a bare `z.string()` would refuse the number.
 */
export function yamlText(): z.ZodString {
  return z.string().register(texts, { keepsSource: true });
}

/** Puts the source text in the place of each plain scalar whose schema is a {@link yamlText}. */
export function keepScalarTexts(node: unknown, schema: unknown): void {
  const target = unwrapSchema(schema);
  if (target instanceof z.ZodUnion) {
    for (const option of target.options) keepScalarTexts(node, option);
  } else if (isScalar(node)) {
    const isPlainValue = typeof node.value === 'number' || typeof node.value === 'boolean';
    if (!isPlainValue || node.source === undefined || !(target instanceof z.ZodString)) return;
    if (texts.get(target) !== undefined) node.value = node.source;
  } else if (isMap(node)) {
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      if (target instanceof z.ZodRecord) keepScalarTexts(pair.value, target.valueType);
      else if (target instanceof z.ZodObject && Object.hasOwn(target.shape, key)) {
        keepScalarTexts(pair.value, (target.shape as Record<string, unknown>)[key]);
      }
    }
  } else if (isSeq(node) && target instanceof z.ZodArray) {
    for (const item of node.items) keepScalarTexts(item, target.element);
  }
}
