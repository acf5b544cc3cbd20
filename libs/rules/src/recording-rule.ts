import { Labels, METRIC_NAME } from '#libs/labels';
import { EvaluationError, type PreparedExpression, type RuleSink } from './ports.ts';
import type { Round, RuleContext, RuleOutput } from './rule-context.ts';
import { Turns } from './turns.ts';
import { type RecordingRuleConfig, shownExpression } from './rule-file.ts';

/** One recording rule: what its expression gives is written under its name. */
export class RecordingRule {
  readonly kind = 'recording';
  readonly config: RecordingRuleConfig;
  /** The expression in Prometheus's normal form. */
  readonly query: string;
  readonly expression: PreparedExpression;
  readonly labels: Labels;
  readonly #context: RuleContext;

  constructor(config: RecordingRuleConfig, context: RuleContext) {
    this.config = config;
    this.#context = context;
    this.query = shownExpression(config);
    this.labels = Labels.fromPairs(config.labels);
    this.expression = context.source.evaluator.prepare(config.expr, config.exprText);
  }

  get name(): string {
    return this.config.name;
  }

  /** Where the rule writes. */
  get sink(): RuleSink {
    return this.#context.source.sink;
  }

  /** @throws EvaluationError */
  async evaluate(round: Round): Promise<RuleOutput> {
    const vector = await this.expression.evaluate(round.evaluationMs, round.shared);
    const count = vector.labels.length;
    if (round.limit > 0 && count > round.limit) {
      throw new EvaluationError(`exceeded limit of ${round.limit} with ${count} series`);
    }
    const labels: Labels[] = [];
    const keys = new Set<string>();
    const turns = new Turns(this.#context);
    for (let i = 0; i < count; i++) {
      if (turns.isOver()) await turns.next();
      let own = vector.labels[i]!.with(METRIC_NAME, this.name);
      for (const [name, value] of this.config.labels) own = own.with(name, value);
      if (keys.has(own.key)) {
        throw new EvaluationError(
          'vector contains metrics with the same labelset after applying rule labels',
        );
      }
      keys.add(own.key);
      labels.push(own);
    }
    return { labels, values: vector.values, histograms: vector.histograms };
  }
}
