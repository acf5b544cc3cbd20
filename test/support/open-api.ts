import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
}

interface Operation {
  readonly responses: Readonly<Record<string, Schema & { readonly schema?: Schema }>>;
}

interface Definition {
  readonly basePath: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly [section: string]: unknown;
}

const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** An API's definition (Swagger 2.0, as far as Alertmanager's uses it), to check answers by. */
export class OpenApi {
  readonly #definition: Definition;

  private constructor(definition: Definition) {
    this.#definition = definition;
  }

  static read(path: string): OpenApi {
    return new OpenApi(parse(readFileSync(path, 'utf8')) as Definition);
  }

  /** What is wrong with the body of an answer; a property that the definition does not have is wrong as well. */
  problems(method: string, path: string, status: number, body: unknown): string[] {
    const operation = this.#operation(method, path);
    const response = operation?.responses[String(status)];
    if (response === undefined) return [`${method} ${path} has no answer ${status}`];
    const { schema } = (this.#resolve(response) as { readonly schema?: Schema }) ?? {};
    if (schema === undefined) return body === undefined ? [] : ['it has a body'];
    return this.#check(schema, body, '$');
  }

  #operation(method: string, path: string): Operation | undefined {
    const asked = path.split('?', 1)[0]!.split('/').filter(Boolean);
    for (const [template, operations] of Object.entries(this.#definition.paths)) {
      const parts = (this.#definition.basePath + template).split('/').filter(Boolean);
      const fits = (part: string, i: number) => part.startsWith('{') || part === asked[i];
      if (parts.length === asked.length && parts.every(fits)) {
        return operations[method.toLowerCase()];
      }
    }
    return undefined;
  }

  #resolve(schema: Schema): Schema {
    if (schema.$ref === undefined) return schema;
    let found: unknown = this.#definition;
    for (const part of schema.$ref.replace('#/', '').split('/')) {
      found = (found as Record<string, unknown>)[part];
    }
    return this.#resolve(found as Schema);
  }

  /** All properties of an object and those it must have, through references and compositions. */
  #shape(schema: Schema): { properties: Map<string, Schema>; required: Set<string> } {
    const resolved = this.#resolve(schema);
    const properties = new Map(Object.entries(resolved.properties ?? {}));
    const required = new Set(resolved.required);
    for (const part of resolved.allOf ?? []) {
      const inner = this.#shape(part);
      for (const [name, property] of inner.properties) properties.set(name, property);
      for (const name of inner.required) required.add(name);
    }
    return { properties, required };
  }

  #check(given: Schema, value: unknown, place: string): string[] {
    const schema = this.#resolve(given);
    const isObject = schema.type === 'object' || schema.allOf !== undefined;
    if (isObject) return this.#checkObject(schema, value, place);
    if (schema.type === 'array') {
      if (!Array.isArray(value)) return [`${place} is no list`];
      const short = value.length < (schema.minItems ?? 0) ? [`${place} is too short`] : [];
      return [
        ...short,
        ...value.flatMap((item, i) => this.#check(schema.items!, item, `${place}[${i}]`)),
      ];
    }
    if (schema.type !== undefined && typeof value !== schema.type) {
      return [`${place} is no ${schema.type}`];
    }
    if (schema.enum !== undefined && !schema.enum.includes(value)) {
      return [`${place} is none of ${schema.enum.join(', ')}`];
    }
    if (schema.format === 'date-time' && !DATE_TIME.test(String(value))) {
      return [`${place} is no time`];
    }
    return [];
  }

  #checkObject(schema: Schema, value: unknown, place: string): string[] {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return [`${place} is no object`];
    }
    const { properties, required } = this.#shape(schema);
    const missing = [...required].filter((name) => !Object.hasOwn(value, name));
    const problems = missing.map((name) => `${place}.${name} is missing`);
    for (const [name, inner] of Object.entries(value)) {
      const property = properties.get(name) ?? schema.additionalProperties;
      if (property === undefined) problems.push(`${place}.${name} is unknown`);
      else problems.push(...this.#check(property, inner, `${place}.${name}`));
    }
    return problems;
  }
}
