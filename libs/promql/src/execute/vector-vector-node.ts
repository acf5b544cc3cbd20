import { compareUtf8, Labels } from '#libs/labels';
import type { Binary, VectorMatching } from '../ast.ts';
import {
  ABSENT,
  type Block,
  BlockBuilder,
  FLOAT,
  HISTOGRAM,
  noHistograms,
  type MutableBlock,
} from './block.ts';
import { mergeCollisions } from './drop-metadata.ts';
import { ElementOperation } from './element-operation.ts';
import type { Operand } from './operand.ts';
import type { Evaluation } from './evaluation.ts';
import {
  type FixedPairs,
  matchGroupsOf,
  type MatchGroups,
  matchingKey,
  matchLabels,
} from './matching.ts';
import { arithmetic, compares, isComparison, isSetOperator, isTrim } from './operators.ts';
import { QueryError } from './query-error.ts';
import { LazyLabels, SeriesShape, stripMetadata } from './series-shape.ts';
import type { Timeline } from './timeline.ts';
import { VectorNode } from './vector-node.ts';

/** An arithmetic or comparison operator between two vectors. */
export class VectorVectorNode extends VectorNode {
  readonly left: VectorNode;
  readonly right: VectorNode;
  readonly #expr: Binary;
  readonly #matching: VectorMatching;

  constructor(expr: Binary, left: VectorNode, right: VectorNode) {
    const operator = `${expr.operator}${expr.returnsBool ? ' bool' : ''}`;
    super(
      `(${left.key} ${operator} ${matchingKey(expr.matching!)} ${right.key})`,
      left.isStepInvariant && right.isStepInvariant,
      expr.span,
    );
    this.left = left;
    this.right = right;
    this.#expr = expr;
    this.#matching = expr.matching!;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const left = await this.left.evaluate(evaluation, timeline);
    const right = await this.right.evaluate(evaluation, timeline);
    const groups = await matchGroupsOf(evaluation, left.shape, right.shape, this.#matching);
    const pairs = await this.#fixedPairs(left.shape, right.shape, groups, evaluation);
    return pairs === null
      ? this.#matchEachStep(evaluation, left, right, groups, timeline)
      : this.#combinePairs(evaluation, left, right, pairs, timeline);
  }

  /** The result's labels for an element of the "many" side and one of the "one" side. */
  #resultLabels(many: Labels, one: Labels, evaluation: Evaluation): Labels {
    const { operator, returnsBool } = this.#expr;
    const { cardinality, isOn, labels, include } = this.#matching;
    let result = isComparison(operator) || isTrim(operator) ? many : stripMetadata(many);
    if (cardinality === 'one-to-one') {
      const names = new Set(labels);
      result = isOn ? result.only(names) : result.without(names);
    }
    for (const name of include) result = result.with(name, one.get(name));
    return returnsBool && !evaluation.options.delayedNameRemoval ? stripMetadata(result) : result;
  }

  /**
   * Who meets whom, where that can't change from step to step: no two rows of a side that has to be unique are in the same
   * match group. Null otherwise, and with `fill`.
   */
  async #fixedPairs(
    left: SeriesShape,
    right: SeriesShape,
    groups: MatchGroups,
    evaluation: Evaluation,
  ): Promise<FixedPairs | null> {
    const matching = this.#matching;
    if (matching.fillLeft !== null || matching.fillRight !== null) return null;
    const delayed = evaluation.options.delayedNameRemoval ? 'delayed' : 'now';
    const { operator, returnsBool } = this.#expr;
    const key = `pairs:${delayed}:${returnsBool}:${isComparison(operator)}:${matchingKey(matching)}`;
    const known = groups.derivedPairs.get(key);
    if (known !== undefined) return known;
    const fresh = await this.#findPairs(left, right, groups, evaluation);
    groups.derivedPairs.set(key, fresh);
    return fresh;
  }

  async #findPairs(
    left: SeriesShape,
    right: SeriesShape,
    groups: MatchGroups,
    evaluation: Evaluation,
  ): Promise<FixedPairs | null> {
    const isSwapped = this.#matching.cardinality === 'one-to-many';
    const manyShape = isSwapped ? right : left;
    const oneShape = isSwapped ? left : right;
    const manyGroups = isSwapped ? groups.right : groups.left;
    const oneGroups = isSwapped ? groups.left : groups.right;
    const oneRowOfGroup = new Int32Array(groups.groupCount).fill(-1);
    for (let row = 0; row < oneGroups.length; row++) {
      if (oneRowOfGroup[oneGroups[row]!] !== -1) return null;
      oneRowOfGroup[oneGroups[row]!] = row;
    }
    if (
      this.#matching.cardinality === 'one-to-one' &&
      hasRepetition(manyGroups, groups.groupCount)
    ) {
      return null;
    }
    const manyRows: number[] = [];
    const oneRows: number[] = [];
    let isPending = false;
    for (let row = 0; row < manyGroups.length; row++) {
      const oneRow = oneRowOfGroup[manyGroups[row]!]!;
      if (oneRow === -1) continue;
      manyRows.push(row);
      oneRows.push(oneRow);
      isPending ||= this.#dropsLater(evaluation, manyShape.isPendingDrop(row));
    }
    const many = Int32Array.from(manyRows);
    const one = Int32Array.from(oneRows);
    const pendingDrop = isPending
      ? Uint8Array.from(many, (row) =>
          Number(this.#dropsLater(evaluation, manyShape.isPendingDrop(row))),
        )
      : null;
    const labels = new LazyLabels(many.length, (pair) => {
      const oneLabels =
        this.#matching.include.length === 0 ? Labels.EMPTY : oneShape.labelsAt(one[pair]!);
      return this.#resultLabels(manyShape.labelsAt(many[pair]!), oneLabels, evaluation);
    });
    // The labels of a one-to-one result tell its match groups apart, of which there is one row each.
    if (this.#isPlainMatch(manyShape)) {
      const shape = SeriesShape.ofDistinct(labels, pendingDrop);
      return isSwapped ? { left: one, right: many, shape } : { left: many, right: one, shape };
    }
    const shape = new SeriesShape(labels, pendingDrop);
    await shape.lookForCollisions(evaluation);
    if (shape.collisions() !== null) return null;
    return isSwapped ? { left: one, right: many, shape } : { left: many, right: one, shape };
  }

  /** One-to-one with nothing included and no type or unit label, which would be matched by and dropped then. */
  #isPlainMatch(shape: SeriesShape): boolean {
    const { cardinality, include } = this.#matching;
    if (cardinality !== 'one-to-one' || include.length > 0) return false;
    for (let row = 0; row < shape.count; row++) {
      if (shape.labelAt(row, '__type__') !== '' || shape.labelAt(row, '__unit__') !== '') {
        return false;
      }
    }
    return true;
  }

  #dropsLater(evaluation: Evaluation, isManyPending: boolean): boolean {
    if (!evaluation.options.delayedNameRemoval) return false;
    return this.#expr.returnsBool || (isManyPending && isComparison(this.#expr.operator));
  }

  #combinePairs(
    evaluation: Evaluation,
    left: Block,
    right: Block,
    pairs: FixedPairs,
    timeline: Timeline,
  ): Block {
    const { operator, returnsBool, span } = this.#expr;
    const steps = timeline.count;
    const cells = pairs.left.length * steps;
    const output: MutableBlock = {
      shape: pairs.shape,
      stepCount: steps,
      values: new Float64Array(cells),
      present: new Uint8Array(cells),
      histograms: null,
    };
    const hasHistograms = left.histograms !== null || right.histograms !== null;
    if (hasHistograms || isTrim(operator) || isSetOperator(operator)) {
      const operation = new ElementOperation(operator, evaluation, span);
      for (let pair = 0; pair < pairs.left.length; pair++) {
        for (let step = 0; step < steps; step++) {
          const kind = this.#applyCells(
            operation,
            left,
            pairs.left[pair]! * steps + step,
            right,
            pairs.right[pair]! * steps + step,
          );
          if (kind === ABSENT) continue;
          const cell = pair * steps + step;
          output.present[cell] = kind;
          output.values[cell] = operation.float;
          if (kind === HISTOGRAM) {
            output.histograms ??= noHistograms(cells);
            output.histograms[cell] = operation.histogram;
          }
        }
      }
      return output;
    }
    const comparison = isComparison(operator) ? operator : null;
    for (let pair = 0; pair < pairs.left.length; pair++) {
      const fromLeft = pairs.left[pair]! * steps;
      const fromRight = pairs.right[pair]! * steps;
      const to = pair * steps;
      for (let step = 0; step < steps; step++) {
        if (left.present[fromLeft + step] === ABSENT) continue;
        if (right.present[fromRight + step] === ABSENT) continue;
        const a = left.values[fromLeft + step]!;
        const b = right.values[fromRight + step]!;
        if (comparison === null) {
          output.values[to + step] = isComparison(operator) ? a : arithmetic(operator, a, b);
        } else {
          const holds = compares(comparison, a, b);
          if (!holds && !returnsBool) continue;
          output.values[to + step] = returnsBool ? Number(holds) : a;
        }
        output.present[to + step] = FLOAT;
      }
    }
    return output;
  }

  readonly #leftOperand: Operand = { float: 0, histogram: null };
  readonly #rightOperand: Operand = { float: 0, histogram: null };

  /** The result of two cells in `operation`, ABSENT if there is none. */
  #applyCells(
    operation: ElementOperation,
    left: Block,
    leftCell: number,
    right: Block,
    rightCell: number,
  ): number {
    const leftKind = left.present[leftCell]!;
    const rightKind = right.present[rightCell]!;
    if (leftKind === ABSENT || rightKind === ABSENT) return ABSENT;
    const a = this.#leftOperand;
    const b = this.#rightOperand;
    a.float = left.values[leftCell]!;
    a.histogram = leftKind === HISTOGRAM ? left.histograms![leftCell]! : null;
    b.float = right.values[rightCell]!;
    b.histogram = rightKind === HISTOGRAM ? right.histograms![rightCell]! : null;
    return this.#applyOperands(operation, a, b);
  }

  #applyOperands(operation: ElementOperation, a: Operand, b: Operand): number {
    const kind = operation.apply(a, b);
    if (kind === ABSENT) return ABSENT;
    if (this.#expr.returnsBool) {
      operation.float = operation.holds ? 1 : 0;
      operation.histogram = null;
      return FLOAT;
    }
    if (!isComparison(this.#expr.operator)) return kind;
    if (!operation.holds) return ABSENT;
    operation.float = a.float;
    operation.histogram = a.histogram;
    return a.histogram === null ? FLOAT : HISTOGRAM;
  }

  /** The general way: who matches whom is found at each step, from what is present there. */
  async #matchEachStep(
    evaluation: Evaluation,
    left: Block,
    right: Block,
    groups: MatchGroups,
    timeline: Timeline,
  ): Promise<Block> {
    const isSwapped = this.#matching.cardinality === 'one-to-many';
    const { operator, span } = this.#expr;
    const sides: Sides = isSwapped
      ? {
          many: right,
          one: left,
          manyGroups: groups.right,
          oneGroups: groups.left,
          // As in Prometheus, the sides have been exchanged by the time the fill values are looked at.
          fillMany: this.#matching.fillLeft,
          fillOne: this.#matching.fillRight,
        }
      : {
          many: left,
          one: right,
          manyGroups: groups.left,
          oneGroups: groups.right,
          fillMany: this.#matching.fillLeft,
          fillOne: this.#matching.fillRight,
        };
    const builder = new BlockBuilder(timeline.count);
    const rowOfPair = new Map<number, number>();
    const operation = new ElementOperation(operator, evaluation, span);
    const oneRowOfGroup = new Int32Array(groups.groupCount);
    const isMatched = new Uint8Array(groups.groupCount);
    const isGroupSeen = new Uint8Array(groups.groupCount);
    const manyCount = sides.many.shape.count;
    const oneCount = sides.one.shape.count;
    const hasFill = sides.fillMany !== null || sides.fillOne !== null;
    for (let step = 0; step < timeline.count; step++) {
      if (evaluation.isPauseDue()) await evaluation.pause();
      const isEmpty = !hasPresent(sides.many, step) || !hasPresent(sides.one, step);
      if (isEmpty && !hasFill) continue;
      this.#findOneSide(sides, step, oneRowOfGroup);
      isMatched.fill(0);
      isGroupSeen.fill(0);
      for (let row = 0; row < manyCount; row++) {
        const cell = row * timeline.count + step;
        if (sides.many.present[cell] === ABSENT) continue;
        const group = sides.manyGroups[row]!;
        isGroupSeen[group] = 1;
        const oneRow = oneRowOfGroup[group]!;
        if (oneRow === -1 && sides.fillOne === null) continue;
        // Whether or not the comparison will keep it.
        if (isMatched[group] === 1) this.#refuseSecondMatch();
        isMatched[group] = 1;
        const many = operandOf(sides.many, cell);
        const one =
          oneRow === -1
            ? { float: sides.fillOne!, histogram: null }
            : operandOf(sides.one, oneRow * timeline.count + step);
        const kind = this.#applySides(operation, many, one, isSwapped);
        if (kind === ABSENT) continue;
        const pair = row * (oneCount + 1) + oneRow + 1;
        let out = rowOfPair.get(pair);
        if (out === undefined) {
          out = this.#openRow(builder, sides, row, oneRow, evaluation);
          rowOfPair.set(pair, out);
        }
        this.#refuseSameResult(builder, out, step);
        store(builder, out, step, kind, operation);
      }
      if (sides.fillMany === null) continue;
      for (let group = 0; group < groups.groupCount; group++) {
        const oneRow = oneRowOfGroup[group]!;
        if (oneRow === -1 || isGroupSeen[group] === 1) continue;
        const one = operandOf(sides.one, oneRow * timeline.count + step);
        const many = { float: sides.fillMany, histogram: null };
        const kind = this.#applySides(operation, many, one, isSwapped);
        if (kind === ABSENT) continue;
        const out = this.#openRow(builder, sides, -1, oneRow, evaluation);
        this.#refuseSameResult(builder, out, step);
        store(builder, out, step, kind, operation);
      }
    }
    return mergeCollisions(builder.build());
  }

  #applySides(
    operation: ElementOperation,
    many: Operand,
    one: Operand,
    isSwapped: boolean,
  ): number {
    return isSwapped
      ? this.#applyOperands(operation, one, many)
      : this.#applyOperands(operation, many, one);
  }

  /** The result's row for a pair, -1 standing for an element that was filled in. */
  #openRow(
    builder: BlockBuilder,
    sides: Sides,
    manyRow: number,
    oneRow: number,
    evaluation: Evaluation,
  ): number {
    const manyShape = sides.many.shape;
    const oneShape = sides.one.shape;
    const many =
      manyRow === -1
        ? matchLabels(oneShape.labelsAt(oneRow), this.#matching)
        : manyShape.labelsAt(manyRow);
    const one = oneRow === -1 ? matchLabels(many, this.#matching) : oneShape.labelsAt(oneRow);
    const isPending = manyRow !== -1 && manyShape.isPendingDrop(manyRow);
    return builder.rowOf(
      this.#resultLabels(many, one, evaluation),
      this.#dropsLater(evaluation, isPending),
    );
  }

  /** @throws QueryError unless several elements of a side may match one of the other */
  #refuseSecondMatch(): void {
    if (this.#matching.cardinality !== 'one-to-one') return;
    throw new QueryError(
      'execution',
      'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)',
    );
  }

  /** @throws QueryError when two matches have the same labels */
  #refuseSameResult(builder: BlockBuilder, row: number, step: number): void {
    if (!builder.isPresent(row, step)) return;
    throw new QueryError(
      'execution',
      'multiple matches for labels: grouping labels must ensure unique matches',
    );
  }

  /** @throws QueryError when two elements of the side that has to be unique match the same */
  #findOneSide(sides: Sides, step: number, oneRowOfGroup: Int32Array): void {
    oneRowOfGroup.fill(-1);
    const { one, oneGroups } = sides;
    for (let row = 0; row < oneGroups.length; row++) {
      if (one.present[row * one.stepCount + step] === ABSENT) continue;
      const group = oneGroups[row]!;
      const other = oneRowOfGroup[group]!;
      if (other === -1) {
        oneRowOfGroup[group] = row;
        continue;
      }
      const side = this.#matching.cardinality === 'one-to-many' ? 'left' : 'right';
      const labels = one.shape.labelsAt(row);
      const common = goLabels(matchLabels(labels, this.#matching));
      const series = [goLabels(one.shape.labelsAt(other)), goLabels(labels)].toSorted(compareUtf8);
      const both = `[${series.join(', ')}]`;
      throw new QueryError(
        'execution',
        `found duplicate series for the match group ${common} on the ${side} hand-side of the operation: ${both};many-to-many matching not allowed: matching labels must be unique on one side`,
      );
    }
  }
}

interface Sides {
  readonly many: Block;
  readonly one: Block;
  readonly manyGroups: Int32Array;
  readonly oneGroups: Int32Array;
  /** What stands in for a missing element of the side, or null. */
  readonly fillMany: number | null;
  readonly fillOne: number | null;
}

function hasRepetition(groups: Int32Array, groupCount: number): boolean {
  const isTaken = new Uint8Array(groupCount);
  for (const group of groups) {
    if (isTaken[group] === 1) return true;
    isTaken[group] = 1;
  }
  return false;
}

function hasPresent(block: Block, step: number): boolean {
  for (let cell = step; cell < block.present.length; cell += block.stepCount) {
    if (block.present[cell] !== ABSENT) return true;
  }
  return false;
}

function operandOf(block: Block, cell: number): Operand {
  const isHistogram = block.present[cell] === HISTOGRAM;
  return { float: block.values[cell]!, histogram: isHistogram ? block.histograms![cell]! : null };
}

function store(
  builder: BlockBuilder,
  row: number,
  step: number,
  kind: number,
  operation: ElementOperation,
): void {
  if (kind === HISTOGRAM) builder.setHistogram(row, step, operation.histogram!);
  else builder.setFloat(row, step, operation.float);
}

/** A label set as Go prints it in messages: the metric name within the braces like any other label. */
function goLabels(labels: Labels): string {
  const parts: string[] = [];
  for (const [name, value] of labels) parts.push(`${name}=${JSON.stringify(value)}`);
  return `{${parts.join(', ')}}`;
}
