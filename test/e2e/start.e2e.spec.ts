import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { overviewDashboard } from '../../grafana/src/binnacle/overview.dashboard.ts';
import { queriesOf, withAllChosen } from '../../grafana/src/panel-queries.ts';
import { type LocalStack, startLocalStack } from '../support/local-stack.ts';
import {
  eventually,
  freePort,
  getText,
  startProcess,
  temporaryFolder,
} from '../support/processes.ts';

const START = join(import.meta.dirname, '..', '..', 'scripts', 'start.mjs');

interface VectorAnswer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

async function instant(engine: string, expr: string): Promise<VectorAnswer['data']['result']> {
  const text = await getText(`${engine}/api/v1/query?query=${encodeURIComponent(expr)}`);
  return text === null ? [] : (JSON.parse(text) as VectorAnswer).data.result;
}

describe('npm run demo', () => {
  let stack: LocalStack;
  let engine: string;

  beforeAll(async () => {
    stack = await startLocalStack(['--demo']);
    engine = stack.engineUrl;
  });

  afterAll(() => stack.stop());

  it('has told every sign of life before it says that it runs', () => {
    expect(stack.process.output()).not.toContain('✗');
    expect(stack.process.output().match(/✓/g)).toHaveLength(5);
  });

  it.each([
    ['the collector and the engine are up', 'count(up{job=~"binnacle-.*"} == 1)', 2],
    ['host metrics arrive', 'count(node_cpu_seconds_total{mode="idle"}) > 0', 1],
    ['both probes succeed', 'count(probe_success{job=~"engine-http|collector-tcp"} == 1)', 2],
    ['log lines are counted', 'sum(binnacle_log_lines_total) > 0', 1],
  ])('%s', async (_what, expr, least) => {
    const count = await eventually(expr, async () => {
      const [series] = await instant(engine, expr);
      const value = Number(series?.value[1]);
      return value >= least ? value : null;
    });
    expect(count).toBeGreaterThanOrEqual(least);
  });

  it('answers the Overview dashboard: its numbers, the machine’s row, and no query with an error', async () => {
    // A machine without Kubernetes and without problems has no rows in the tables of either, and nobody probes TLS there.
    const mayBeEmpty =
      /^(Firing alerts|Namespaces with problems|Alerts firing|Pods not ready over time|Error lines over time|Warnings of Kubernetes) |^(Nodes (A|F)|Next certificate ends in A)$/;
    const empty = await eventually('data in every panel', async () => {
      const unanswered: string[] = [];
      for (const { panel, refId, expr } of queriesOf(overviewDashboard().dashboard)) {
        const isAnswered = (await instant(engine, withAllChosen(expr))).length > 0;
        if (!isAnswered && !mayBeEmpty.test(`${panel} ${refId}`)) {
          unanswered.push(`${panel} ${refId}`);
        }
      }
      return unanswered.length === 0
        ? unanswered
        : Promise.reject(new Error(unanswered.join(', ')));
    });
    expect(empty).toEqual([]);
  });

  it('delivers the shop’s alert to the webhook, and its end as well', async () => {
    for (const step of ['FIRING 1 alert(s): The shop at', 'RESOLVED 1 alert(s): The shop at']) {
      await eventually(step, () => (stack.process.output().includes(step) ? true : null), 90_000);
    }
    expect(stack.process.output()).toMatch(/alert ShopNotReady: firing/);
  });

  it('stops cleanly on Ctrl-C and leaves nothing running', async () => {
    expect(await stack.process.stop('SIGINT')).toBe(0);
    expect(stack.process.output()).toContain('nothing is left running');
    expect(await getText(`${engine}/livez`)).toBeNull();
  });
});

describe('npm start where it cannot', () => {
  it('says in one sentence that a port is in use', async () => {
    const folder = await temporaryFolder();
    const port = await freePort();
    const occupant = createServer();
    await new Promise<void>((resolve) => {
      occupant.listen(port, '127.0.0.1', resolve);
    });
    const stack = startProcess(process.execPath, [
      START,
      `--data=${folder.path}`,
      `--engine-port=${port}`,
    ]);
    expect(await stack.ended).toBe(1);
    expect(stack.output()).toContain(`cannot listen on 127.0.0.1:${port}: the port is in use`);
    occupant.close();
    await folder.remove();
  });

  it('says in one sentence that the data directory cannot be written to', async () => {
    const stack = startProcess(process.execPath, [START, '--data=/proc/binnacle']);
    expect(await stack.ended).toBe(1);
    expect(stack.output().trim().split('\n').at(-1)).toMatch(
      /^binnacle: cannot use the data directory \/proc\/binnacle.*choose another with --data\.$/,
    );
  });
});
