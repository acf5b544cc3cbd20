import { GoFunctionError } from './errors.ts';
import { printValue, sprint, sprintf, sprintln, typeName } from './go-fmt.ts';
import { GoDuration } from './go-time.ts';
import {
  asSlice,
  type CallScope,
  type GoFunction,
  GoMap,
  GoMarked,
  GoSlice,
  GoStruct,
  type GoValue,
  STRING,
  stringArg,
  VALUE,
} from './go-value.ts';

/** Whether a value counts as true: not false, zero, empty or nil; structs always do. */
export function isTrue(value: GoValue): boolean {
  if (value === null) return false;
  if (typeof value === 'string') return value !== '';
  if (typeof value === 'number') return value !== 0;
  if (typeof value === 'bigint') return value !== 0n;
  if (typeof value === 'boolean') return value;
  if (value instanceof GoMap) return value.entries.size > 0;
  if (value instanceof GoSlice) return value.items.length > 0;
  if (value instanceof GoMarked) return value.text !== '';
  if (value instanceof GoDuration) return value.nanoseconds !== 0n;
  return true;
}

type Comparable = {
  kind: 'bool' | 'int' | 'float' | 'string';
  value: boolean | bigint | number | string;
};

function comparableOf(value: GoValue): Comparable | null {
  if (typeof value === 'boolean') return { kind: 'bool', value };
  if (typeof value === 'bigint') return { kind: 'int', value };
  if (typeof value === 'number') return { kind: 'float', value };
  if (typeof value === 'string') return { kind: 'string', value };
  if (value instanceof GoDuration) return { kind: 'int', value: value.nanoseconds };
  if (value instanceof GoMarked) return { kind: 'string', value: value.text };
  return null;
}

function incompatible(a: GoValue, b: GoValue): GoFunctionError {
  return new GoFunctionError(
    `incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`,
  );
}

function isEqual(a: GoValue, b: GoValue): boolean {
  if (a === null || b === null) return a === b;
  const left = comparableOf(a);
  const right = comparableOf(b);
  if (left === null || right === null) {
    const other = left === null ? a : b;
    if (other instanceof GoMap || other instanceof GoSlice || other instanceof GoStruct) {
      throw new GoFunctionError(`non-comparable type ${printValue(other)}: ${typeName(other)}`);
    }
    if (typeName(a) !== typeName(b)) throw incompatible(a, b);
    return printValue(a) === printValue(b);
  }
  if (left.kind !== right.kind) throw incompatible(a, b);
  return left.value === right.value;
}

function isLess(a: GoValue, b: GoValue): boolean {
  const left = comparableOf(a);
  const right = comparableOf(b);
  if (left === null || right === null) {
    throw new GoFunctionError('invalid type for comparison');
  }
  if (left.kind !== right.kind) throw incompatible(a, b);
  if (left.kind === 'bool') throw new GoFunctionError('invalid type for comparison');
  if (typeof left.value === 'string' && typeof right.value === 'string') {
    return Buffer.compare(Buffer.from(left.value), Buffer.from(right.value)) < 0;
  }
  return left.value < right.value;
}

function equals(args: readonly GoValue[]): boolean {
  const [first = null, ...others] = args;
  if (others.length === 0) throw new GoFunctionError('missing argument for comparison');
  return others.some((other) => isEqual(first, other));
}

function comparison(decide: (a: GoValue, b: GoValue) => boolean): GoFunction {
  return {
    params: [VALUE, VALUE],
    isVariadic: false,
    call: ([a = null, b = null]) => decide(a, b),
  };
}

function position(value: GoValue, size: number): number {
  if (typeof value !== 'bigint') {
    if (value === null) throw new GoFunctionError('cannot index slice/array with nil');
    throw new GoFunctionError(`cannot index slice/array with type ${typeName(value)}`);
  }
  if (value < 0n || value > BigInt(size)) {
    throw new GoFunctionError(`index out of range: ${value}`);
  }
  return Number(value);
}

function indexInto(item: GoValue, key: GoValue): GoValue {
  if (typeof item === 'string') {
    const bytes = Buffer.from(item, 'utf8');
    const at = position(key, bytes.length);
    if (at >= bytes.length) throw new GoFunctionError('reflect: string index out of range');
    return BigInt(bytes[at]!);
  }
  if (item instanceof GoSlice) {
    const at = position(key, item.items.length);
    if (at >= item.items.length) throw new GoFunctionError('reflect: slice index out of range');
    return item.items[at]!;
  }
  if (item instanceof GoMap) {
    if (key === null) throw new GoFunctionError('value is nil; should be of type string');
    if (typeof key !== 'string') {
      throw new GoFunctionError(`value has type ${typeName(key)}; should be string`);
    }
    return item.entries.get(key) ?? item.zero;
  }
  throw new GoFunctionError(`can't index item of type ${typeName(item)}`);
}

function slice(args: readonly GoValue[]): GoValue {
  const [item = null, ...bounds] = args;
  if (item === null) throw new GoFunctionError('slice of untyped nil');
  if (bounds.length > 3) throw new GoFunctionError(`too many slice indexes: ${bounds.length}`);
  const isText = typeof item === 'string';
  if (!isText && !(item instanceof GoSlice)) {
    throw new GoFunctionError(`can't slice item of type ${typeName(item)}`);
  }
  if (isText && bounds.length === 3) throw new GoFunctionError('cannot 3-index slice a string');
  const bytes = isText ? Buffer.from(item, 'utf8') : null;
  const size = bytes === null ? asSlice(item).items.length : bytes.length;
  const [from = 0, to = size, cap = size] = bounds.map((bound) => position(bound, size));
  if (from > to) throw new GoFunctionError(`invalid slice index: ${from} > ${to}`);
  if (to > cap) throw new GoFunctionError(`invalid slice index: ${to} > ${cap}`);
  if (bytes !== null) return bytes.subarray(from, to).toString('utf8');
  const whole = asSlice(item);
  return new GoSlice(whole.type, whole.items.slice(from, to));
}

function length(value: GoValue): bigint {
  if (typeof value === 'string') return BigInt(Buffer.byteLength(value, 'utf8'));
  if (value instanceof GoMarked) return BigInt(Buffer.byteLength(value.text, 'utf8'));
  if (value instanceof GoMap) return BigInt(value.entries.size);
  if (value instanceof GoSlice) return BigInt(value.items.length);
  if (value === null) throw new GoFunctionError('len of nil pointer');
  throw new GoFunctionError(`len of type ${typeName(value)}`);
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  '\0': '\ufffd',
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
};

/** Go's `template.HTMLEscapeString`. */
export function htmlEscape(text: string): string {
  return text.replace(/[\0"'&<>]/g, (character) => HTML_ESCAPES[character]!);
}

/** Go's `url.QueryEscape`. */
export function queryEscape(text: string): string {
  let escaped = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const character = String.fromCharCode(byte);
    if (byte < 0x80 && /[A-Za-z0-9\-_.~]/.test(character)) escaped += character;
    else if (byte === 0x20) escaped += '+';
    else escaped += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return escaped;
}

/** Go's `template.JSEscapeString`. */
function jsEscape(text: string): string {
  let escaped = '';
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (character === '\\' || character === "'" || character === '"') escaped += `\\${character}`;
    else if ('<>&='.includes(character) || code < 0x20) {
      escaped += `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`;
    } else if (code < 0x80 || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character))
      escaped += character;
    else escaped += `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`;
  }
  return escaped;
}

const onArguments = (convert: (text: string) => GoValue): GoFunction => ({
  params: [VALUE],
  isVariadic: true,
  call: (args) => convert(sprint(args)),
});

function checkedLength(text: string | null, scope: CallScope): string {
  if (text === null || text.length > scope.maxTextLength) {
    throw new GoFunctionError(`text over ${scope.maxTextLength} characters`);
  }
  return text;
}

/** The functions every template has. `and`, `or` and `call` get what else they need from the executor. */
export const BUILTINS: ReadonlyMap<string, GoFunction> = new Map<string, GoFunction>([
  ['and', { params: [VALUE, VALUE], isVariadic: true, call: (args) => args.at(-1) ?? null }],
  ['or', { params: [VALUE, VALUE], isVariadic: true, call: (args) => args.at(-1) ?? null }],
  ['not', { params: [VALUE], isVariadic: false, call: ([value = null]) => !isTrue(value) }],
  ['eq', { params: [VALUE, VALUE], isVariadic: true, call: equals }],
  ['ne', comparison((a, b) => !isEqual(a, b))],
  ['lt', comparison(isLess)],
  ['le', comparison((a, b) => isLess(a, b) || isEqual(a, b))],
  ['gt', comparison((a, b) => !isLess(a, b) && !isEqual(a, b) && !isUnordered(a, b))],
  ['ge', comparison((a, b) => !isLess(a, b) && !isUnordered(a, b))],
  ['len', { params: [VALUE], isVariadic: false, call: ([value = null]) => length(value) }],
  [
    'index',
    {
      params: [VALUE, VALUE],
      isVariadic: true,
      call: ([item = null, ...keys]) => {
        if (item === null) throw new GoFunctionError('index of untyped nil');
        return keys.reduce<GoValue>(indexInto, item);
      },
    },
  ],
  ['slice', { params: [VALUE, VALUE], isVariadic: true, call: slice }],
  ['print', { params: [VALUE], isVariadic: true, call: sprint }],
  ['println', { params: [VALUE], isVariadic: true, call: sprintln }],
  [
    'printf',
    {
      params: [STRING, VALUE],
      isVariadic: true,
      call: (args, scope) =>
        checkedLength(sprintf(stringArg(args, 0), args.slice(1), scope.maxTextLength), scope),
    },
  ],
  ['html', onArguments(htmlEscape)],
  ['js', onArguments(jsEscape)],
  ['urlquery', onArguments(queryEscape)],
  ['call', { params: [VALUE], isVariadic: true, call: (args) => args[0] ?? null }],
]);

function isUnordered(a: GoValue, b: GoValue): boolean {
  return Number.isNaN(a) || Number.isNaN(b);
}

/** In html/template these mark what they give, so that it is not escaped once more. */
export const HTML_BUILTINS: ReadonlyMap<string, GoFunction> = new Map<string, GoFunction>([
  ['html', onArguments((text) => new GoMarked('HTML', htmlEscape(text)))],
  ['urlquery', onArguments((text) => new GoMarked('URL', queryEscape(text)))],
]);
