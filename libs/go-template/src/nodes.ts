import { quoteGo } from './quote-go.ts';

/** Where a node begins: a UTF-16 offset into the text it was parsed from. */
interface Positioned {
  readonly position: number;
}

interface TextNode extends Positioned {
  readonly kind: 'text';
  readonly text: string;
}
interface ActionNode extends Positioned {
  readonly kind: 'action';
  readonly pipe: PipeNode;
}
export interface BranchNode extends Positioned {
  readonly kind: 'if' | 'with' | 'range';
  readonly pipe: PipeNode;
  readonly list: readonly StatementNode[];
  readonly elseList: readonly StatementNode[] | null;
}
export interface TemplateNode extends Positioned {
  readonly kind: 'template';
  readonly name: string;
  readonly pipe: PipeNode | null;
}
interface JumpNode extends Positioned {
  readonly kind: 'break' | 'continue';
}
/** What stands between the actions of a template, and the actions. */
export type StatementNode = TextNode | ActionNode | BranchNode | TemplateNode | JumpNode;

export interface PipeNode extends Positioned {
  readonly kind: 'pipe';
  readonly isAssign: boolean;
  readonly declarations: readonly VariableNode[];
  readonly commands: readonly CommandNode[];
}
export interface CommandNode extends Positioned {
  readonly kind: 'command';
  readonly args: readonly OperandNode[];
}
interface IdentifierNode extends Positioned {
  readonly kind: 'identifier';
  readonly name: string;
}
interface FieldNode extends Positioned {
  readonly kind: 'field';
  readonly names: readonly string[];
}
/** `$x` or `$x.A.B`: the variable's name with its dollar sign, then the fields. */
export interface VariableNode extends Positioned {
  readonly kind: 'variable';
  readonly names: readonly string[];
}
interface ChainNode extends Positioned {
  readonly kind: 'chain';
  readonly node: OperandNode;
  readonly names: readonly string[];
}
interface BoolNode extends Positioned {
  readonly kind: 'bool';
  readonly value: boolean;
}
export interface NumberNode extends Positioned {
  readonly kind: 'number';
  readonly text: string;
  /** The constant as an integer, or null where it is not one. */
  readonly integer: bigint | null;
  /** The constant as a float; every number is one. */
  readonly float: number;
  /** Whether the constant alone, without a type wanted, is a float (`1e3`, `2.0`). */
  readonly isIdealFloat: boolean;
}
interface StringNode extends Positioned {
  readonly kind: 'string';
  readonly quoted: string;
  readonly value: string;
}
interface DotNode extends Positioned {
  readonly kind: 'dot';
}
interface NilNode extends Positioned {
  readonly kind: 'nil';
}
export type OperandNode =
  | IdentifierNode
  | FieldNode
  | VariableNode
  | ChainNode
  | PipeNode
  | BoolNode
  | NumberNode
  | StringNode
  | DotNode
  | NilNode;

/** A node as its source text, normalised, which is how error messages show it. */
export function nodeToString(
  node: OperandNode | CommandNode | TemplateNode | { readonly kind: 'text' | 'action' },
): string {
  switch (node.kind) {
    case 'identifier':
      return node.name;
    case 'field':
      return node.names.map((name) => `.${name}`).join('');
    case 'variable':
      return node.names.join('.');
    case 'chain': {
      const inner =
        node.node.kind === 'pipe' ? `(${nodeToString(node.node)})` : nodeToString(node.node);
      return inner + node.names.map((name) => `.${name}`).join('');
    }
    case 'pipe': {
      const declared = node.declarations.map((variable) => variable.names.join('.')).join(', ');
      const head = declared === '' ? '' : `${declared} ${node.isAssign ? '=' : ':='} `;
      return head + node.commands.map(nodeToString).join(' | ');
    }
    case 'command':
      return node.args
        .map((arg) => (arg.kind === 'pipe' ? `(${nodeToString(arg)})` : nodeToString(arg)))
        .join(' ');
    case 'bool':
      return String(node.value);
    case 'number':
      return node.text;
    case 'string':
      return node.quoted;
    case 'dot':
      return '.';
    case 'nil':
      return 'nil';
    case 'template':
      return `{{template ${quoteGo(node.name)}${node.pipe === null ? '' : ` ${nodeToString(node.pipe)}`}}}`;
    case 'text':
    case 'action':
      return node.kind;
  }
}
