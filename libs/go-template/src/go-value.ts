import { assert } from '#libs/invariant';
import { GoFunctionError } from './errors.ts';
import type { GoDuration, GoTime } from './go-time.ts';

/**
 * A value as a template sees it. Go's types map so: `int` and its relatives are bigint, `float64` is number, `nil` and
 * what is missing is null. Maps, slices and structs are our own classes, so no property of a JavaScript object is ever
 * reached by a name in a template.
 */
export type GoValue =
  | null
  | string
  | number
  | bigint
  | boolean
  | GoMap
  | GoSlice
  | GoStruct
  | GoMarked
  | GoTime
  | GoDuration;

/** What a template may call by name, and what it takes. */
export interface GoFunction {
  readonly params: readonly ParamType[];
  /** Whether the last parameter takes any number of arguments. */
  readonly isVariadic: boolean;
  /**
   * @throws GoFunctionError for what Go's function would return as its error
   */
  readonly call: (args: readonly GoValue[], scope: CallScope) => GoValue;
}

/** What a function may ask of the execution it runs in. */
export interface CallScope {
  /** Milliseconds since the epoch, the same during one execution. */
  readonly nowMs: number;
  /** Longest text a function may give, in UTF-16 units. */
  readonly maxTextLength: number;
  /** Runs a template of the same set and gives its output (Prometheus's `tmpl`). */
  readonly renderTemplate: (name: string, data: GoValue) => string;
  /** The result of a PromQL query at the time of the execution (Prometheus's `query`). */
  readonly query: (expression: string) => GoValue;
  /** The text of a label of the notification's route (Alertmanager's `routeLabels`). */
  readonly routeLabel: (name: string) => string;
}

/** What a parameter accepts, and which literal may be written for it. */
export interface ParamType {
  /** Go's name of the type, for messages. */
  readonly name: string;
  readonly literal: 'string' | 'float' | 'integer' | 'bool' | 'any' | 'none';
  /** Whether nil and missing values are taken. */
  readonly isNullable: boolean;
  readonly accepts: (value: GoValue) => boolean;
}

export const ANY: ParamType = {
  name: 'interface {}',
  literal: 'any',
  isNullable: true,
  accepts: () => true,
};
/** A parameter of the builtins, which sees the value itself. */
export const VALUE: ParamType = { ...ANY, name: 'reflect.Value' };
export const STRING: ParamType = {
  name: 'string',
  literal: 'string',
  isNullable: false,
  accepts: (value) => typeof value === 'string',
};

/** What a map, slice or struct is called in Go and what it can do besides holding values. */
export interface GoType {
  readonly name: string;
  /** Whether `can't evaluate field` messages and the like should name a pointer to it. */
  readonly isPointer?: boolean;
  readonly methods?: ReadonlyMap<string, GoMethod>;
  /** Go's `String()`, used wherever the value is printed. */
  readonly toText?: (value: GoValue) => string;
}

/** A method of a Go type; `self` is the receiver. */
export interface GoMethod {
  readonly params: readonly ParamType[];
  readonly isVariadic: boolean;
  readonly call: (self: GoValue, args: readonly GoValue[], scope: CallScope) => GoValue;
}

/** A Go map with string keys. */
export class GoMap {
  readonly type: GoType;
  readonly entries: ReadonlyMap<string, GoValue>;
  /** What a missing key gives (`missingkey=zero`): the element type's zero value. */
  readonly zero: GoValue;
  readonly weight: number;

  constructor(type: GoType, entries: ReadonlyMap<string, GoValue>, zero: GoValue) {
    this.type = type;
    this.entries = entries;
    this.zero = zero;
    let weight = 1;
    for (const [key, value] of entries) weight += key.length + weightOf(value);
    this.weight = weight;
  }

  /** Keys in the order in which Go's templates and printers walk a map. */
  get sortedKeys(): string[] {
    return [...this.entries.keys()].toSorted(compareText);
  }
}

/** A Go slice. */
export class GoSlice {
  readonly type: GoType;
  readonly items: readonly GoValue[];
  readonly weight: number;
  constructor(type: GoType, items: readonly GoValue[]) {
    this.type = type;
    this.items = items;
    let weight = 1;
    for (const item of items) weight += weightOf(item);
    this.weight = weight;
  }
}

/** One field of a struct. */
export interface GoField {
  readonly name: string;
  /** The name in JSON, or null for a field that is left out there. */
  readonly json: string | null;
  readonly value: GoValue;
  /** Unexported fields are printed but not reachable. */
  readonly isExported?: boolean;
}

/** A Go struct, with its fields in order. */
export class GoStruct {
  readonly type: GoType;
  readonly fields: readonly GoField[];
  readonly weight: number;
  constructor(type: GoType, fields: readonly GoField[]) {
    this.type = type;
    this.fields = fields;
    let weight = 1;
    for (const field of fields) weight += weightOf(field.value);
    this.weight = weight;
  }

  field(name: string): GoField | undefined {
    return this.fields.find((field) => field.name === name);
  }
}

/** Text whose type says where it needs no escaping in HTML (`template.HTML`, `template.URL`, …). */
export class GoMarked {
  readonly mark: 'HTML' | 'URL';
  readonly text: string;
  constructor(mark: 'HTML' | 'URL', text: string) {
    this.mark = mark;
    this.text = text;
  }
}

/**
 * About how many characters a value takes when it is printed. A list of a list twice, thirty times over, is small in
 * memory and endless on paper, so what a function gives is bounded by this.
 */
export function weightOf(value: GoValue): number {
  if (typeof value === 'string') return value.length + 1;
  if (value instanceof GoMarked) return value.text.length + 1;
  if (value instanceof GoMap || value instanceof GoSlice || value instanceof GoStruct) {
    return value.weight;
  }
  return 8;
}

export const STRING_MAP: GoType = { name: 'map[string]string' };
export const ANY_MAP: GoType = { name: 'map[string]interface {}' };
export const ANY_SLICE: GoType = { name: '[]interface {}' };

/** Orders as Go orders strings, by bytes. */
function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}

/** A value whose parameter or receiver type says that it is a slice. */
export function asSlice(value: GoValue | undefined): GoSlice {
  assert(value instanceof GoSlice, 'not a slice');
  return value;
}

/** A value whose parameter or receiver type says that it is a map. */
export function asMap(value: GoValue | undefined): GoMap {
  assert(value instanceof GoMap, 'not a map');
  return value;
}

/** A value whose parameter or receiver type says that it is a struct. */
export function asStruct(value: GoValue | undefined): GoStruct {
  assert(value instanceof GoStruct, 'not a struct');
  return value;
}

/** The text of a string or of marked text, otherwise null. */
function textOf(value: GoValue): string | null {
  if (typeof value === 'string') return value;
  return value instanceof GoMarked ? value.text : null;
}

/** The argument at `index` as text; the parameter's type has been checked before. */
export function stringArg(args: readonly GoValue[], index: number): string {
  const text = textOf(args[index] ?? null);
  if (text === null) throw new GoFunctionError('expected a string');
  return text;
}
