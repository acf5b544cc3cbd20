import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeWithPeers } from '../support/peers.ts';
import { type LocalStack, startLocalStack } from '../support/local-stack.ts';
import { eventually, getText, runToEnd } from '../support/processes.ts';

/** What promtool says of names that are Prometheus's own and kept for their users. */
const OWN_NAMES: ReadonlySet<string> = new Set([
  "prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total metric name should not include type 'histogram'",
]);
/** How `promtool check metrics` ends where it has remarks and the text is sound. */
const PROMTOOL_REMARKED = 3;

describeWithPeers('a real promtool', ['promtool'], ([promtool]) => {
  let stack: LocalStack;

  beforeAll(async () => {
    stack = await startLocalStack();
    await eventually('two scrapes of the engine', async () => {
      const query = encodeURIComponent('count_over_time(up{job="binnacle-engine"}[5m]) >= 2');
      const answer = await getText(`${stack.engineUrl}/api/v1/query?query=${query}`);
      return answer?.includes('"value"') ? true : null;
    });
  });

  afterAll(() => stack.stop());

  it.each([
    ['instant', ['query', 'instant'], ['up{job="binnacle-engine"}'], /up\{.*\} => 1 @\[/],
    ['range', ['query', 'range', '--step=5s'], ['up{job="binnacle-engine"}'], /1 @\[/],
    ['series', ['query', 'series', '--match=up'], [], /"?__name__"?[:=]"?up"?/],
    ['labels', ['query', 'labels'], ['job'], /binnacle-collector/],
  ])('asks the engine for %s', async (_kind, command, args, expected) => {
    const { code, output } = await runToEnd(promtool!, [...command, stack.engineUrl, ...args]);
    expect(output).toMatch(expected);
    expect(code).toBe(0);
  });

  it('tells the user of a mistake as it does with Prometheus', async () => {
    const { code, output } = await runToEnd(promtool!, [
      'query',
      'instant',
      stack.engineUrl,
      'up{',
    ]);
    expect(output).toMatch(/bad_data.*parse error/);
    expect(code).not.toBe(0);
  });

  it('finds nothing wrong with what either service says of itself', async () => {
    for (const url of [stack.engineUrl, stack.collectorUrl]) {
      const metrics = (await getText(`${url}/metrics`))!;
      const { status, stdout, stderr } = spawnSync(promtool!, ['check', 'metrics'], {
        input: metrics,
        encoding: 'utf8',
      });
      const remarks = stderr.split('\n').filter((line) => line !== '' && !OWN_NAMES.has(line));
      expect([url, stdout, remarks]).toEqual([url, '', []]);
      expect(status).toBe(stderr === '' ? 0 : PROMTOOL_REMARKED);
    }
  });
});
