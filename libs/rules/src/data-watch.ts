import { type Labels, type Matcher, matchesAll } from '#libs/labels';
import { type Expr, printExpr, type VectorSelector } from '#libs/promql';
import { type DataNeed, dataNeedOf, isShared, type SharedNames } from './data-need.ts';
import type { EvaluatedVector, Evaluator } from './ports.ts';

/**
 * How it stands with the data of an alert: `present`; `gone`, with all targets it came from in good health, so that the
 * thing itself is no more; or `missing`, because a target is down or nobody knows of it.
 */
export type DataState = 'present' | 'gone' | 'missing';

/** Further back than this nobody is asked where data came from. */
const MAX_LOOK_BACK_MS = 24 * 3_600_000;
/** How long before the data went its series are looked for: Prometheus's lookback, and a slow scrape. */
const BEFORE_MS = 10 * 60_000;
const ZERO_SPAN = { start: 0, end: 0 };

/**
 * Tells whether what a rule reads is there, and if not, whether that is for want of healthy targets. It asks in PromQL,
 * so that it works over any source: for the selectors' series now and of late, and for `up`.
 */
export class DataWatch {
  readonly #need: DataNeed;
  readonly #evaluator: Evaluator;

  constructor(expr: Expr, evaluator: Evaluator) {
    this.#need = dataNeedOf(expr);
    this.#evaluator = evaluator;
  }

  /**
   * Looks at the data as of one moment.
   * @param sinceMs the data of interest was there at this time
   * @throws EvaluationError
   */
  async look(timeMs: number, sinceMs: number): Promise<DataView> {
    const lookBackMs = Math.min(Math.max(timeMs - sinceMs, 0) + BEFORE_MS, MAX_LOOK_BACK_MS);
    const views = new Map<VectorSelector, SelectorView>();
    const targets = new Targets(await this.#evaluator.query('up', timeMs));
    for (const selector of selectorsOfNeed(this.#need)) {
      const fresh = await this.#evaluator.query(printExpr(selector), timeMs);
      const past = await this.#evaluator.query(pastQuery(selector, lookBackMs), timeMs);
      views.set(selector, new SelectorView(selector, fresh, past, targets));
    }
    return new DataView(this.#need, views);
  }
}

/** The data of a rule at one moment. */
export class DataView {
  readonly #need: DataNeed;
  readonly #views: ReadonlyMap<VectorSelector, SelectorView>;

  constructor(need: DataNeed, views: ReadonlyMap<VectorSelector, SelectorView>) {
    this.#need = need;
    this.#views = views;
  }

  /** @param labels those of the alert that came with its sample; none for the rule as a whole */
  stateOf(labels: Labels): DataState {
    return this.#stateOf(this.#need, labels);
  }

  /** Labels that all data of the rule would have: those its selectors ask to be equal to something. */
  askedLabels(): ReadonlyMap<string, string> {
    const asked = new Map<string, string>();
    const contradicted = new Set<string>();
    for (const selector of selectorsOfNeed(this.#need)) {
      for (const { name, kind, value } of selector.matchers) {
        if (name === '__name__') continue;
        const known = asked.get(name);
        if (kind !== '=' || value === '' || (known !== undefined && known !== value)) {
          contradicted.add(name);
        } else asked.set(name, value);
      }
    }
    for (const name of contradicted) asked.delete(name);
    return asked;
  }

  #stateOf(need: DataNeed, labels: Labels): DataState {
    switch (need.kind) {
      case 'nothing':
        return 'present';
      case 'selector':
        return this.#views.get(need.selector)!.stateOf(labels, need.shared);
      case 'all':
      case 'any': {
        const states = new Set(need.parts.map((part) => this.#stateOf(part, labels)));
        if (need.kind === 'any' && states.has('present')) return 'present';
        if (states.has('missing')) return 'missing';
        return states.has('gone') ? 'gone' : 'present';
      }
    }
  }
}

/** The targets of one moment and whether they answer. */
class Targets {
  readonly #up: EvaluatedVector;
  readonly #healthy = new Set<string>();

  constructor(up: EvaluatedVector) {
    this.#up = up;
    up.labels.forEach((labels, i) => {
      if (up.values[i] === 1) this.#healthy.add(targetKeyOf(labels));
    });
  }

  isHealthy(series: Labels): boolean {
    return this.#healthy.has(targetKeyOf(series));
  }

  /** Whether there are targets with these properties, and all of them answer. */
  areHealthy(matchers: readonly Matcher[]): boolean {
    const asked = this.#up.labels.filter((labels) => matchesAll(labels, matchers));
    return asked.length > 0 && asked.every((labels) => this.isHealthy(labels));
  }
}

function targetKeyOf(labels: Labels): string {
  return JSON.stringify([labels.get('job'), labels.get('instance')]);
}

const TARGET_LABELS = new Set(['job', 'instance']);

/** One selector's series, now and of late. */
class SelectorView {
  readonly #fresh: LabelIndex;
  readonly #past: LabelIndex;
  readonly #targets: Targets;
  readonly #targetMatchers: readonly Matcher[];

  constructor(
    selector: VectorSelector,
    fresh: EvaluatedVector,
    past: EvaluatedVector,
    targets: Targets,
  ) {
    this.#fresh = new LabelIndex(fresh.labels);
    this.#past = new LabelIndex(past.labels);
    this.#targets = targets;
    this.#targetMatchers = selector.matchers.filter(({ name }) => TARGET_LABELS.has(name));
  }

  stateOf(labels: Labels, shared: SharedNames): DataState {
    if (this.#fresh.find(labels, shared).length > 0) return 'present';
    const past = this.#past.find(labels, shared);
    if (past.length > 0) {
      return past.every((series) => this.#targets.isHealthy(series)) ? 'gone' : 'missing';
    }
    // Nobody remembers the series: the targets it would come from are told by the selector alone.
    return this.#targets.areHealthy(this.#targetMatchers) ? 'gone' : 'missing';
  }
}

/** Finds series that agree with an alert in the labels both have. */
class LabelIndex {
  readonly #series: readonly Labels[];
  /** By the alert's label names: the series by what they have of them. */
  readonly #byNames = new Map<string, NamedIndex[]>();

  constructor(series: readonly Labels[]) {
    this.#series = series;
  }

  find(labels: Labels, shared: SharedNames): readonly Labels[] {
    const names = namesOf(labels).filter((name) => isShared(shared, name));
    if (names.length === 0) return this.#series;
    const key = JSON.stringify(names);
    let indexes = this.#byNames.get(key);
    if (indexes === undefined) this.#byNames.set(key, (indexes = this.#indexesOf(names)));
    return indexes.flatMap(({ names: own, byValues }) => byValues.get(valuesOf(labels, own)) ?? []);
  }

  #indexesOf(names: readonly string[]): NamedIndex[] {
    const indexes = new Map<string, NamedIndex>();
    for (const series of this.#series) {
      const own = names.filter((name) => series.get(name) !== '');
      const key = JSON.stringify(own);
      let index = indexes.get(key);
      if (index === undefined) indexes.set(key, (index = { names: own, byValues: new Map() }));
      const values = valuesOf(series, own);
      const same = index.byValues.get(values);
      if (same === undefined) index.byValues.set(values, [series]);
      else same.push(series);
    }
    return [...indexes.values()];
  }
}

interface NamedIndex {
  readonly names: readonly string[];
  readonly byValues: Map<string, Labels[]>;
}

function namesOf({ flat }: Labels): string[] {
  const names: string[] = [];
  for (let i = 0; i < flat.length; i += 2) names.push(flat[i]!);
  return names;
}

function valuesOf(labels: Labels, names: readonly string[]): string {
  return JSON.stringify(names.map((name) => labels.get(name)));
}

function selectorsOfNeed(need: DataNeed): VectorSelector[] {
  switch (need.kind) {
    case 'nothing':
      return [];
    case 'selector':
      return [need.selector];
    case 'all':
    case 'any':
      return need.parts.flatMap(selectorsOfNeed);
  }
}

/** The selector's series of the last while, those that have ended since included. */
function pastQuery(selector: VectorSelector, lookBackMs: number): string {
  return printExpr({
    kind: 'call',
    functionName: 'last_over_time',
    args: [
      {
        kind: 'matrix-selector',
        selector: { ...selector, extension: null },
        range: {
          kind: 'literal',
          seconds: lookBackMs / 1_000,
          isDuration: true,
          span: ZERO_SPAN,
        },
        span: ZERO_SPAN,
      },
    ],
    span: ZERO_SPAN,
  });
}
