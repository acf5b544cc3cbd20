import { type Labels, Matcher, METRIC_NAME } from '#libs/labels';
import type { Call, Expr, VectorSelector } from '../ast.ts';
import { ABSENT, type Block, BlockBuilder, HISTOGRAM } from './block.ts';
import type { Compiler } from './compiler.ts';
import type { Evaluation } from './evaluation.ts';
import { QueryError } from './query-error.ts';
import { SelectorNode } from './selector-node.ts';
import { durationKey } from './durations.ts';
import type { Timeline } from './timeline.ts';
import { VectorNode } from './vector-node.ts';

/** The labels by which an info series belongs to a series, as long as there is no way to say others. */
const IDENTIFYING = ['instance', 'job'];
const DEFAULT_INFO_METRIC = 'target_info';

const ANY_INFO_METRIC = '.+_info';

/** What the names of info series have to fulfil. Where it is only said what they are not, they still end in `_info`. */
function infoNames(matchers: readonly Matcher[]): readonly Matcher[] {
  if (matchers.length === 0) return [new Matcher(METRIC_NAME, '=', DEFAULT_INFO_METRIC)];
  const isPositive = matchers.some(({ kind }) => kind === '=' || kind === '=~');
  return isPositive ? matchers : [...matchers, new Matcher(METRIC_NAME, '=~', ANY_INFO_METRIC)];
}

/** Compiles `info(v, {…})`: adds labels of the info series that belong to a series. */
export function compileInfo(expr: Call, compiler: Compiler): VectorNode {
  const [base, filter] = expr.args;
  const inner = filter === undefined ? null : withoutParens(filter);
  const matchers = inner?.kind === 'vector-selector' ? inner.matchers : [];
  const nameMatchers = matchers.filter((matcher) => matcher.name === METRIC_NAME);
  const dataMatchers = matchers.filter((matcher) => matcher.name !== METRIC_NAME);
  const names = infoNames(nameMatchers);
  const reference = referenceOf(base!);
  const selector: VectorSelector = {
    kind: 'vector-selector',
    metricName: '',
    matchers: [...names, ...dataMatchers],
    offset: reference.offset,
    at: reference.at,
    extension: null,
    span: expr.span,
  };
  const infos = new SelectorNode(selector, compiler.resolverOf(selector));
  return new InfoNode(
    compiler.vector(base!),
    infos,
    new SelectorNode(selector, compiler.resolverOf(selector), 'timestamp'),
    { names, dataMatchers },
    expr.span,
  );
}

function withoutParens(expr: Expr): Expr {
  let inner = expr;
  while (inner.kind === 'paren') inner = inner.expr;
  return inner;
}

type Reference = Pick<VectorSelector, 'offset' | 'at'>;

/** The `@` and `offset` at which the base reads its samples: those of the first selector in it, subqueries included. */
function referenceOf(expr: Expr): Reference {
  return firstReference(expr) ?? { offset: null, at: null };
}

function firstReference(expr: Expr): Reference | null {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return null;
    case 'paren':
      return firstReference(expr.expr);
    case 'vector-selector':
      return { offset: expr.offset, at: expr.at };
    case 'matrix-selector':
      return firstReference(expr.selector);
    case 'subquery': {
      const inner = firstReference(expr.expr) ?? { offset: null, at: null };
      // What is pinned further in stays pinned; else the offsets add up.
      if (inner.at !== null) return inner;
      return { at: expr.at, offset: addOffsets(expr.offset, inner.offset) };
    }
    case 'unary':
      return firstReference(expr.operand);
    case 'binary':
      return firstReference(expr.left) ?? firstReference(expr.right);
    case 'aggregation':
      return firstReference(expr.expr);
    case 'call': {
      for (const argument of expr.args) {
        const found = firstReference(argument);
        if (found !== null) return found;
      }
      return null;
    }
  }
}

function addOffsets(
  outer: VectorSelector['offset'],
  inner: VectorSelector['offset'],
): VectorSelector['offset'] {
  if (outer === null) return inner;
  if (inner === null) return outer;
  return { kind: 'arithmetic', operator: '+', left: outer, right: inner, span: outer.span };
}

interface InfoFilter {
  readonly names: readonly Matcher[];
  readonly dataMatchers: readonly Matcher[];
}

/** An info series at one step: its labels and when its sample was taken. */
interface InfoSeries {
  readonly labels: Labels;
  readonly timeSeconds: number;
}

class InfoNode extends VectorNode {
  readonly base: VectorNode;
  readonly infos: SelectorNode;
  readonly #infoTimes: SelectorNode;
  readonly #filter: InfoFilter;

  constructor(
    base: VectorNode,
    infos: SelectorNode,
    infoTimes: SelectorNode,
    filter: InfoFilter,
    span: Call['span'],
  ) {
    super(
      `info(${base.key};${infos.key};${durationKey(infos.selector.offset)})`,
      base.isStepInvariant && infos.isStepInvariant,
      span,
    );
    this.base = base;
    this.infos = infos;
    this.#infoTimes = infoTimes;
    this.#filter = filter;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const base = await this.base.evaluate(evaluation, timeline);
    const infos = await this.infos.evaluate(evaluation, timeline);
    const times = await this.#infoTimes.evaluate(evaluation, timeline);
    const builder = new BlockBuilder(timeline.count);
    for (const kind of infos.present) {
      if (kind === HISTOGRAM) {
        throw new QueryError('execution', 'info metrics must be floats, found a histogram');
      }
    }
    const rowsByIdentity = groupByIdentity(infos);
    const { dataMatchers } = this.#filter;
    // Which labels are taken over: those that are asked for, or all.
    const wanted = dataMatchers.length === 0 ? null : new Set(dataMatchers.map(({ name }) => name));
    const needsInfo = dataMatchers.some((matcher) => !matcher.matchesEmpty);
    for (let row = 0; row < base.shape.count; row++) {
      if ((row & 63) === 0 && evaluation.isPauseDue()) await evaluation.pause();
      const labels = base.shape.labelsAt(row);
      const isPending = base.shape.isPendingDrop(row);
      const isInfo = this.#filter.names.every((name) => name.matches(labels.get(METRIC_NAME)));
      const candidates = isInfo ? [] : (rowsByIdentity.get(identityOf(labels)) ?? []);
      for (let step = 0; step < timeline.count; step++) {
        const cell = row * timeline.count + step;
        if (base.present[cell] === ABSENT) continue;
        const found = isInfo ? [] : newestByName(infos, times, candidates, step);
        if (found.length === 0 && needsInfo && !isInfo) continue;
        const enriched = found.length === 0 ? labels : withData(labels, found, wanted);
        builder.copyCell(builder.rowOf(enriched, isPending), step, base, cell);
      }
    }
    return builder.build();
  }
}

function identityOf(labels: Labels): string {
  return IDENTIFYING.map((name) => `${labels.get(name).length}:${labels.get(name)}`).join('');
}

function groupByIdentity(infos: Block): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (let row = 0; row < infos.shape.count; row++) {
    const labels = infos.shape.labelsAt(row);
    // A series without any identifying label belongs to nothing.
    if (IDENTIFYING.every((name) => !labels.has(name))) continue;
    const identity = identityOf(labels);
    const rows = groups.get(identity);
    if (rows === undefined) groups.set(identity, [row]);
    else rows.push(row);
  }
  return groups;
}

/** Of the info series of each name the one with the newest sample. @throws QueryError for a histogram or a tie */
function newestByName(
  infos: Block,
  times: Block,
  candidates: readonly number[],
  step: number,
): InfoSeries[] {
  const newest = new Map<string, InfoSeries>();
  for (const row of candidates) {
    const cell = row * infos.stepCount + step;
    if (infos.present[cell] === ABSENT) continue;
    const labels = infos.shape.labelsAt(row);
    const name = labels.get(METRIC_NAME);
    const timeSeconds = times.values[cell]!;
    const known = newest.get(name);
    if (known !== undefined && known.timeSeconds === timeSeconds) {
      throw new QueryError(
        'execution',
        `found duplicate series for info metric: existing ${known.labels.toString()}, new ${labels.toString()}`,
      );
    }
    if (known === undefined || known.timeSeconds < timeSeconds) {
      newest.set(name, { labels, timeSeconds });
    }
  }
  return [...newest.values()];
}

/** @throws QueryError when two info series disagree */
function withData(
  base: Labels,
  found: readonly InfoSeries[],
  wanted: ReadonlySet<string> | null,
): Labels {
  let result = base;
  const added = new Map<string, string>();
  for (const { labels } of found) {
    for (const [name, value] of labels) {
      if (name === METRIC_NAME || IDENTIFYING.includes(name)) continue;
      if (wanted !== null && !wanted.has(name)) continue;
      if (base.has(name)) continue;
      const other = added.get(name);
      if (other !== undefined && other !== value) {
        throw new QueryError('execution', `conflicting label: ${name}`);
      }
      added.set(name, value);
      result = result.with(name, value);
    }
  }
  return result;
}
