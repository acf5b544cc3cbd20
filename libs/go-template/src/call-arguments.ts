import { typeName } from './go-fmt.ts';
import type { GoFunction, GoValue, ParamType } from './go-value.ts';
import { nodeToString, type OperandNode } from './nodes.ts';
import type { TemplatePlace } from './template-place.ts';

type Literal<Kind extends OperandNode['kind']> = Extract<OperandNode, { kind: Kind }>;

/** Checks that a function takes so many arguments, and one more where a value was piped in. @throws TemplateExecError */
export function checkArity(
  place: TemplatePlace,
  fun: GoFunction,
  name: string,
  argCount: number,
  isPiped: boolean,
): void {
  const given = argCount + (isPiped ? 1 : 0);
  const fixed = fun.isVariadic ? fun.params.length - 1 : fun.params.length;
  if (fun.isVariadic && given < fixed) {
    place.fail(`wrong number of args for ${name}: want at least ${fixed} got ${argCount}`);
  }
  if (!fun.isVariadic && given !== fixed) {
    place.fail(`wrong number of args for ${name}: want ${fixed} got ${given}`);
  }
}

/** A value that a parameter takes; null for any. @throws TemplateExecError */
export function validate(place: TemplatePlace, value: GoValue, type: ParamType | null): GoValue {
  if (type === null) return value;
  if (value === null) {
    if (type.isNullable) return null;
    return place.fail(`invalid value; expected ${type.name}`);
  }
  if (type.accepts(value)) return value;
  return place.fail(`wrong type for value; expected ${type.name}; got ${typeName(value)}`);
}

/** The value of a literal as a parameter takes it. @throws TemplateExecError */
export function literalOf(
  place: TemplatePlace,
  node: Literal<'number' | 'string' | 'bool'>,
  type: ParamType | null,
): GoValue {
  const text = nodeToString(node);
  switch (type?.literal ?? 'any') {
    case 'any':
      return node.kind === 'number' ? constantOf(place, node) : node.value;
    case 'string':
      if (node.kind === 'string') return node.value;
      return place.fail(`expected string; found ${text}`);
    case 'float':
      if (node.kind === 'number') return node.float;
      return place.fail(`expected float; found ${text}`);
    case 'integer':
      if (node.kind === 'number' && node.integer !== null) return node.integer;
      return place.fail(`expected integer; found ${text}`);
    case 'bool':
      if (node.kind === 'bool') return node.value;
      return place.fail(`expected bool; found ${text}`);
    case 'none':
      return place.fail(`can't handle ${text} for arg of type ${type!.name}`);
  }
}

/** The value of a number. @throws TemplateExecError */
export function constantOf(place: TemplatePlace, node: Literal<'number'>): GoValue {
  if (node.isIdealFloat) return node.float;
  return node.integer ?? place.fail(`${node.text} overflows int`);
}
