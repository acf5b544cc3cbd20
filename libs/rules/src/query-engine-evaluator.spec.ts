import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { QueryEngine, type SeriesSource } from '#libs/promql';
import type { Evaluator } from './ports.ts';
import { QueryEngineEvaluator } from './query-engine-evaluator.ts';
import { Disk, RuleWorld } from './testing/rule-world.ts';

const MINUTE = 60_000;

interface RuleText {
  readonly record: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Counts the rows that queries read. */
class ReadCount {
  rows = 0;

  over(source: SeriesSource): SeriesSource {
    return {
      select: async (matchers, minMs, maxMs) => {
        const selection = await source.select(matchers, minMs, maxMs);
        return {
          version: selection.version,
          rows: selection.rows,
          labelsOf: (row) => selection.labelsOf(row),
          read: (row, from, to, window) => {
            this.rows++;
            selection.read(row, from, to, window);
          },
        };
      },
    };
  }
}

function groupOf(rules: readonly RuleText[]): string {
  // JSON is YAML.
  return JSON.stringify({ groups: [{ name: 'g', rules }] });
}

function worldOf(evaluatorOf?: (engine: QueryEngine, disk: Disk) => Evaluator): RuleWorld {
  const disk = new Disk();
  const world = new RuleWorld(
    disk,
    {},
    {},
    evaluatorOf === undefined ? undefined : (engine) => evaluatorOf(engine, disk),
  );
  world.feed([
    { series: 'x_total{i="a",job="j"}', values: '0+1x9' },
    { series: 'x_total{i="b",job="j"}', values: '0+3x4 0+3x4' },
    { series: 'base{i="c"}', values: '7 8 9' },
  ]);
  return world;
}

/** The same evaluator, each of whose expressions reads for itself. */
function withoutSharing(engine: QueryEngine): Evaluator {
  const evaluator = new QueryEngineEvaluator(engine);
  return {
    prepare: (expr, text) => evaluator.prepare(expr, text),
    share: () => null,
    query: (text, timeMs) => evaluator.query(text, timeMs),
  };
}

function rangeOf(selector: string, over: string): string {
  if (over === '') return selector;
  return over === 'subquery' ? `max_over_time(${selector}[2m:1m])` : `${over}(${selector}[3m])`;
}

describe('the rules of a round', () => {
  it.each([
    ['equal subexpressions', 'sum(rate(x_total[3m]))', 'max(rate(x_total[3m])) + 1', 2],
    ['equal selectors', 'sum(x_total)', 'x_total > 1', 2],
    ['nothing in common', 'sum(x_total{i="a"})', 'sum(x_total)', 3],
  ])('read %s once', async (_, first, second, rows) => {
    const reads = new ReadCount();
    const world = worldOf(
      (_engine, disk) =>
        new QueryEngineEvaluator(
          new QueryEngine({
            nowMs: () => 0,
            yieldToLoop: () => Promise.resolve(),
            source: reads.over(disk.source),
          }),
        ),
    );
    await world.load(
      groupOf([
        { record: 'r:1', expr: first },
        { record: 'r:2', expr: second },
      ]),
    );
    await world.round(3 * MINUTE);
    expect(reads.rows).toBe(rows);
    await world.round(4 * MINUTE);
    expect(reads.rows).toBe(2 * rows);
  });

  it.each([
    ['by its name', 'sum(base)'],
    ['by a pattern', 'sum({__name__=~"ba.+"})'],
    ['without a name', 'sum({i=~"c|d"})'],
    ['in a range', 'sum(sum_over_time(base[1m]))'],
    ['in a subquery', 'sum(max_over_time(base[1m:1m]))'],
  ])('see what a rule before them wrote and one before that had read %s', async (_, expr) => {
    const world = worldOf();
    await world.load(
      groupOf([
        { record: 'before', expr },
        { record: 'base', expr: 'vector(100)', labels: { i: 'd' } },
        { record: 'after', expr: `${expr} + 0` },
      ]),
    );
    await world.round(2 * MINUTE);
    expect(await world.query('before', 2 * MINUTE)).toEqual(['before 9']);
    expect(await world.query('after', 2 * MINUTE)).toEqual(['after 109']);
  });

  it('see the end of a series that a rule before them marked stale', async () => {
    const world = worldOf();
    const rules = [
      { record: 'before', expr: 'count(low)' },
      { record: 'low', expr: 'x_total{i="a"} < 2' },
      { record: 'after', expr: 'count(low) + 0' },
    ];
    await world.load(groupOf(rules));
    await world.rounds(MINUTE, 2 * MINUTE);
    expect(await world.query('before', 2 * MINUTE)).toEqual(['before 1']);
    expect(await world.query('after', 2 * MINUTE)).toEqual([]);
  });

  it('see the alerts of a rule before them', async () => {
    const world = worldOf();
    await world.load(
      JSON.stringify({
        groups: [
          {
            name: 'g',
            rules: [
              { record: 'before', expr: 'count(ALERTS) or vector(0)' },
              { alert: 'Has', expr: 'x_total > 0' },
              { record: 'after', expr: 'count(ALERTS) or vector(0)' },
            ],
          },
        ],
      }),
    );
    await world.round(MINUTE);
    expect(await world.query('{__name__=~"before|after"}', MINUTE)).toEqual([
      'after 2',
      'before 0',
    ]);
  });

  it('write what they would if each read for itself', async () => {
    const name = fc.constantFrom('base', 'r', 's');
    const read = fc.constantFrom('x_total', 'base', 'r', 's', '{i!=""}', '{__name__=~"r|s"}');
    const expr = fc
      .tuple(
        fc.constantFrom('sum', 'count', 'max by (i)', 'min without (job)'),
        read,
        fc.constantFrom('', 'rate', 'last_over_time', 'subquery'),
        fc.constantFrom('', ' > 2', ' * 2'),
      )
      .map(
        ([aggregate, selector, over, after]) => `${aggregate}(${rangeOf(selector, over)})${after}`,
      );
    const rules = fc.array(fc.record({ record: name, expr }), { minLength: 2, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(rules, async (group) => {
        const written: string[][] = [];
        for (const world of [worldOf(), worldOf(withoutSharing)]) {
          await world.load(groupOf(group));
          await world.rounds(MINUTE, 4 * MINUTE);
          const samples: string[] = [];
          for (let at = MINUTE; at <= 4 * MINUTE; at += MINUTE) {
            samples.push(...(await world.query('{__name__!=""}', at)), '--');
          }
          written.push(samples);
        }
        expect(written[0]).toEqual(written[1]);
      }),
      { numRuns: 150 },
    );
  });
});
