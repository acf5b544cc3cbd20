import { BUILTINS, isTrue } from './builtins.ts';
import { checkArity, constantOf, literalOf, validate } from './call-arguments.ts';
import { GoFunctionError, TemplateExecError } from './errors.ts';
import type { Execution, OutputWriter } from './execution.ts';
import { printValue, typeName } from './go-fmt.ts';
import { GoDuration, GoTime } from './go-time.ts';
import {
  type CallScope,
  type GoFunction,
  GoMap,
  GoSlice,
  GoStruct,
  type GoType,
  type GoValue,
  type ParamType,
  weightOf,
} from './go-value.ts';
import {
  type BranchNode,
  type CommandNode,
  nodeToString,
  type OperandNode,
  type PipeNode,
  type StatementNode,
  type TemplateNode,
} from './nodes.ts';
import type { ParsedTemplate } from './parser.ts';
import { quoteGo } from './quote-go.ts';
import { type Located, TemplatePlace } from './template-place.ts';
import { methodOf } from './time-methods.ts';

/** No value was piped in; nil is a value. */
const MISSING = Symbol('missing');
type Piped = GoValue | typeof MISSING;

class Jump {
  readonly kind: 'break' | 'continue';
  constructor(kind: 'break' | 'continue') {
    this.kind = kind;
  }
}

/** How often the clock is asked. */
const STEPS_PER_TIME_CHECK = 256;

/**
 * Runs a parsed template on data, as Go's `text/template` does with `missingkey=zero`.
 * @throws TemplateExecError
 */
export function executeTemplate(
  execution: Execution,
  template: ParsedTemplate,
  data: GoValue,
): string {
  const counters = { steps: 0, depth: 0 };
  const writer = execution.createWriter();
  new TemplateRun(execution, template, data, writer, counters).run();
  return writer.finish();
}

/** One execution of one template; a `{{template}}` action makes another with the same writer. */
class TemplateRun {
  readonly #execution: Execution;
  readonly #template: ParsedTemplate;
  readonly #writer: OutputWriter;
  readonly #counters: { steps: number; depth: number };
  readonly #data: GoValue;
  readonly #scope: CallScope;
  readonly #place: TemplatePlace;
  #variables: { name: string; value: GoValue }[];

  constructor(
    execution: Execution,
    template: ParsedTemplate,
    data: GoValue,
    writer: OutputWriter,
    counters: { steps: number; depth: number },
  ) {
    this.#execution = execution;
    this.#template = template;
    this.#place = new TemplatePlace(template);
    this.#data = data;
    this.#writer = writer;
    this.#counters = counters;
    this.#variables = [{ name: '$', value: data }];
    this.#scope = {
      nowMs: execution.nowMs,
      maxTextLength: execution.budget.maxOutputLength,
      query: execution.query,
      routeLabel: execution.routeLabel,
      renderTemplate: (name, value) => this.#renderNamed(name, value),
    };
  }

  run(): void {
    this.#walkList(this.#data, this.#template.list);
  }

  #walkList(dot: GoValue, list: readonly StatementNode[]): Jump | null {
    for (const node of list) {
      const jump = this.#walk(dot, node);
      if (jump !== null) return jump;
    }
    return null;
  }

  #walk(dot: GoValue, node: StatementNode): Jump | null {
    this.#step();
    switch (node.kind) {
      case 'text':
        this.#writer.writeText(node.text);
        this.#checkOutput();
        return null;
      case 'action': {
        const value = this.#pipeline(dot, node.pipe);
        if (node.pipe.declarations.length === 0) {
          this.#writer.writeValue(value);
          this.#checkOutput();
        }
        return null;
      }
      case 'if':
      case 'with':
        return this.#walkIfOrWith(dot, node);
      case 'range':
        this.#walkRange(dot, node);
        return null;
      case 'template':
        this.#walkTemplate(dot, node);
        return null;
      case 'break':
      case 'continue':
        return new Jump(node.kind);
    }
  }

  #walkIfOrWith(dot: GoValue, node: BranchNode): Jump | null {
    const mark = this.#variables.length;
    const value = this.#pipeline(dot, node.pipe);
    let jump: Jump | null = null;
    if (isTrue(value)) jump = this.#walkList(node.kind === 'with' ? value : dot, node.list);
    else if (node.elseList !== null) jump = this.#walkList(dot, node.elseList);
    this.#variables.length = mark;
    return jump;
  }

  #walkRange(dot: GoValue, node: BranchNode): void {
    const outerMark = this.#variables.length;
    const value = this.#pipeline(dot, node.pipe);
    const mark = this.#variables.length;
    const { declarations, isAssign } = node.pipe;
    let rounds = 0;
    const round = (index: GoValue, element: GoValue): boolean => {
      this.#step();
      rounds++;
      if (isAssign) {
        const [first, second] = declarations;
        if (second !== undefined) {
          this.#setVariable(first!.names[0]!, index);
          this.#setVariable(second.names[0]!, element);
        } else if (first !== undefined) this.#setVariable(first.names[0]!, element);
      } else {
        if (declarations.length > 0) this.#variables[mark - 1]!.value = element;
        if (declarations.length > 1) this.#variables[mark - 2]!.value = index;
      }
      const jump = this.#walkList(element, node.list);
      this.#variables.length = mark;
      return jump?.kind !== 'break';
    };
    if (value instanceof GoSlice) {
      for (let i = 0; i < value.items.length; i++) {
        if (!round(BigInt(i), value.items[i]!)) break;
      }
    } else if (value instanceof GoMap) {
      for (const key of value.sortedKeys) if (!round(key, value.entries.get(key)!)) break;
    } else if (typeof value === 'bigint') {
      if (declarations.length > 1) {
        this.#place.fail(`can't use ${value} to iterate over more than one variable`);
      }
      for (let i = 0n; i < value; i++) if (!round(i, i)) break;
    } else if (value !== null) {
      this.#place.fail(`range can't iterate over ${printValue(value)}`);
    }
    if (rounds === 0 && node.elseList !== null) this.#walkList(dot, node.elseList);
    this.#variables.length = outerMark;
  }

  #walkTemplate(dot: GoValue, node: TemplateNode): void {
    this.#place.node = node;
    const template = this.#execution.templates.get(node.name);
    if (template === undefined) this.#place.fail(`template ${quoteGo(node.name)} not defined`);
    this.#enter();
    const data = node.pipe === null ? null : this.#pipeline(dot, node.pipe);
    new TemplateRun(this.#execution, template, data, this.#writer, this.#counters).run();
    this.#counters.depth--;
  }

  #renderNamed(name: string, data: GoValue): string {
    const template = this.#execution.templates.get(name);
    if (template === undefined) {
      throw new GoFunctionError(`html/template: ${quoteGo(name)} is undefined`);
    }
    this.#enter();
    const writer = this.#execution.createWriter();
    new TemplateRun(this.#execution, template, data, writer, this.#counters).run();
    this.#counters.depth--;
    return writer.finish();
  }

  #enter(): void {
    const { maxDepth } = this.#execution.budget;
    if (++this.#counters.depth > maxDepth) {
      this.#place.fail(`exceeded maximum template depth (${maxDepth})`, 'depth');
    }
  }

  #pipeline(dot: GoValue, pipe: PipeNode): GoValue {
    let value: Piped = MISSING;
    for (const command of pipe.commands) value = this.#command(dot, command, value);
    const result = value === MISSING ? null : value;
    for (const variable of pipe.declarations) {
      if (pipe.isAssign) this.#setVariable(variable.names[0]!, result);
      else this.#variables.push({ name: variable.names[0]!, value: result });
    }
    return result;
  }

  #command(dot: GoValue, command: CommandNode, piped: Piped): GoValue {
    const first = command.args[0]!;
    if (first.kind === 'field') {
      this.#place.node = first;
      return this.#fieldChain(dot, dot, first, first.names, command.args, piped);
    }
    if (first.kind === 'chain') return this.#chain(dot, first, command.args, piped);
    if (first.kind === 'identifier') {
      return this.#call(dot, first.name, first, command, command.args, piped);
    }
    if (first.kind === 'pipe') {
      this.#refuseArguments(command.args, piped);
      return this.#pipeline(dot, first);
    }
    if (first.kind === 'variable') return this.#variable(dot, first, command.args, piped);
    this.#place.node = first;
    this.#refuseArguments(command.args, piped);
    switch (first.kind) {
      case 'bool':
      case 'string':
        return first.value;
      case 'dot':
        return dot;
      case 'nil':
        return this.#place.fail('nil is not a command');
      case 'number':
        return constantOf(this.#place, first);
    }
  }

  #refuseArguments(args: readonly OperandNode[], piped: Piped): void {
    if (args.length > 1 || piped !== MISSING) {
      this.#place.fail(`can't give argument to non-function ${nodeToString(args[0]!)}`);
    }
  }

  #chain(
    dot: GoValue,
    node: Extract<OperandNode, { kind: 'chain' }>,
    args: readonly OperandNode[],
    piped: Piped,
  ): GoValue {
    this.#place.node = node;
    if (node.node.kind === 'nil') {
      this.#place.fail(`indirection through explicit nil in ${nodeToString(node)}`);
    }
    const receiver = this.#argument(dot, null, node.node);
    return this.#fieldChain(dot, receiver, node, node.names, args, piped);
  }

  #variable(
    dot: GoValue,
    node: Extract<OperandNode, { kind: 'variable' }>,
    args: readonly OperandNode[],
    piped: Piped,
  ): GoValue {
    this.#place.node = node;
    const value = this.#variableValue(node.names[0]!);
    if (node.names.length === 1) {
      this.#refuseArguments(args, piped);
      return value;
    }
    return this.#fieldChain(dot, value, node, node.names.slice(1), args, piped);
  }

  #fieldChain(
    dot: GoValue,
    start: GoValue,
    node: Located,
    names: readonly string[],
    args: readonly OperandNode[],
    piped: Piped,
  ): GoValue {
    let receiver = start;
    for (let i = 0; i < names.length - 1; i++) {
      receiver = this.#field(dot, names[i]!, node, [], MISSING, receiver);
    }
    return this.#field(dot, names.at(-1)!, node, args, piped, receiver);
  }

  #field(
    dot: GoValue,
    name: string,
    node: Located,
    args: readonly OperandNode[],
    piped: Piped,
    receiver: GoValue,
  ): GoValue {
    if (receiver === null) return null;
    const method = this.#methodOf(receiver, name);
    if (method !== undefined) {
      const bound: GoFunction = {
        params: method.params,
        isVariadic: method.isVariadic,
        call: (values, scope) => method.call(receiver, values, scope),
      };
      // Methods of the data give parts of it: as large as it is, but no larger.
      const isPart = !(receiver instanceof GoTime || receiver instanceof GoDuration);
      return this.#invoke(dot, bound, name, node, args.slice(1), piped, isPart);
    }
    const hasArguments = args.length > 1 || piped !== MISSING;
    if (receiver instanceof GoStruct) {
      const field = receiver.field(name);
      if (field !== undefined) {
        if (field.isExported === false) {
          this.#place.fail(`${name} is an unexported field of struct type ${typeName(receiver)}`);
        }
        if (hasArguments) {
          this.#place.fail(`${name} has arguments but cannot be invoked as function`);
        }
        return field.value;
      }
    }
    if (receiver instanceof GoMap) {
      if (hasArguments) this.#place.fail(`${name} is not a method but has arguments`);
      return receiver.entries.get(name) ?? receiver.zero;
    }
    return this.#place.fail(`can't evaluate field ${name} in type ${typeName(receiver)}`);
  }

  #methodOf(receiver: GoValue, name: string): ReturnType<typeof methodOf> {
    if (receiver instanceof GoTime || receiver instanceof GoDuration) {
      return methodOf(receiver, name);
    }
    if (receiver instanceof GoMap || receiver instanceof GoSlice || receiver instanceof GoStruct) {
      const { type }: { type: GoType } = receiver;
      return type.methods?.get(name);
    }
    return undefined;
  }

  #call(
    dot: GoValue,
    name: string,
    node: Located,
    errorNode: Located,
    args: readonly OperandNode[],
    piped: Piped,
  ): GoValue {
    this.#place.node = node;
    const custom = this.#execution.functions.get(name);
    const builtin = custom === undefined ? BUILTINS.get(name) : undefined;
    const fun = custom ?? builtin;
    if (fun === undefined) this.#place.fail(`${quoteGo(name)} is not a defined function`);
    const own = args.slice(1);
    if (builtin !== undefined && (name === 'and' || name === 'or')) {
      return this.#shortCircuit(dot, fun, name, own, piped);
    }
    if (builtin !== undefined && name === 'call') {
      return this.#callValue(dot, fun, errorNode, own, piped);
    }
    return this.#invoke(dot, fun, name, errorNode, own, piped);
  }

  #shortCircuit(
    dot: GoValue,
    fun: GoFunction,
    name: string,
    args: readonly OperandNode[],
    piped: Piped,
  ): GoValue {
    checkArity(this.#place, fun, name, args.length, piped !== MISSING);
    let value: GoValue = null;
    for (const arg of args) {
      value = this.#argument(dot, fun.params[0]!, arg);
      if (isTrue(value) === (name === 'or')) return value;
    }
    return piped === MISSING ? value : piped;
  }

  /** Nothing a template can reach is a function value, so `call` always ends in an error; its arguments come first. */
  #callValue(
    dot: GoValue,
    fun: GoFunction,
    errorNode: Located,
    args: readonly OperandNode[],
    piped: Piped,
  ): GoValue {
    checkArity(this.#place, fun, 'call', args.length, piped !== MISSING);
    const values = args.map((arg) => this.#argument(dot, fun.params[0]!, arg));
    const callee = values[0] ?? (piped === MISSING ? null : piped);
    const name = args.length === 0 ? printValue(callee) : nodeToString(args[0]!);
    this.#place.node = errorNode;
    if (callee === null) this.#place.fail(`error calling call: call of nil`);
    return this.#place.fail(`error calling call: non-function ${name} of type ${typeName(callee)}`);
  }

  #invoke(
    dot: GoValue,
    fun: GoFunction,
    name: string,
    errorNode: Located,
    args: readonly OperandNode[],
    piped: Piped,
    isPart = false,
  ): GoValue {
    this.#step();
    checkArity(this.#place, fun, name, args.length, piped !== MISSING);
    const lastParam = fun.params.length - 1;
    const values = args.map((arg, i) =>
      this.#argument(dot, fun.params[Math.min(i, lastParam)]!, arg),
    );
    if (piped !== MISSING) {
      values.push(validate(this.#place, piped, fun.params[Math.min(values.length, lastParam)]!));
    }
    try {
      const result = fun.call(values, this.#scope);
      const { maxTextLength } = this.#scope;
      if (!isPart && weightOf(result) > maxTextLength + 8) {
        this.#place.fail(`${name} gives more than ${maxTextLength} characters`, 'output');
      }
      return result;
    } catch (error) {
      if (!(error instanceof GoFunctionError) && !(error instanceof TemplateExecError)) throw error;
      if (error instanceof TemplateExecError && error.code !== 'execution') throw error;
      this.#place.node = errorNode;
      return this.#place.fail(`error calling ${name}: ${error.message}`, 'execution', error);
    }
  }

  #argument(dot: GoValue, type: ParamType | null, node: OperandNode): GoValue {
    this.#place.node = node;
    if (node.kind === 'dot') return validate(this.#place, dot, type);
    if (node.kind === 'nil') {
      if (type === null || type.isNullable) return null;
      return this.#place.fail(`cannot assign nil to ${type.name}`);
    }
    if (node.kind === 'field') {
      return validate(this.#place, this.#fieldChain(dot, dot, node, node.names, [], MISSING), type);
    }
    if (node.kind === 'variable') {
      return validate(this.#place, this.#variable(dot, node, [], MISSING), type);
    }
    if (node.kind === 'pipe') return validate(this.#place, this.#pipeline(dot, node), type);
    if (node.kind === 'identifier') {
      return validate(this.#place, this.#call(dot, node.name, node, node, [], MISSING), type);
    }
    if (node.kind === 'chain') {
      return validate(this.#place, this.#chain(dot, node, [], MISSING), type);
    }
    return literalOf(this.#place, node, type);
  }

  #variableValue(name: string): GoValue {
    const variable = this.#variables.findLast((each) => each.name === name);
    if (variable === undefined) return this.#place.fail(`undefined variable: ${name}`);
    return variable.value;
  }

  #setVariable(name: string, value: GoValue): void {
    const variable = this.#variables.findLast((each) => each.name === name);
    if (variable === undefined) this.#place.fail(`undefined variable: ${name}`);
    variable.value = value;
  }

  #step(): void {
    const { budget } = this.#execution;
    const steps = ++this.#counters.steps;
    if (steps > budget.maxSteps) this.#place.fail(`more than ${budget.maxSteps} steps`, 'steps');
    if (steps % STEPS_PER_TIME_CHECK === 0 && budget.isTimeOver()) {
      this.#place.fail('took too long', 'time');
    }
  }

  #checkOutput(): void {
    const { maxOutputLength } = this.#execution.budget;
    if (this.#writer.length > maxOutputLength) {
      this.#place.fail(`output over ${maxOutputLength} characters`, 'output');
    }
  }
}
