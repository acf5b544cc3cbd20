import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { runCli } from '../../apps/cli/src/cli.ts';
import { describeWithPeers } from '../support/peers.ts';
import {
  eventually,
  freePort,
  getText,
  type RunningProcess,
  runToEnd,
  startProcess,
  temporaryFolder,
} from '../support/processes.ts';

const MINUTE_MS = 60_000;
const LAST_MS = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 5 * MINUTE_MS;
const MINUTES = 360;

const RULES = `groups:
  - name: g
    rules:
      - {alert: Down, expr: up == 0, for: 5m, labels: {severity: page}, annotations: {summary: down}}
      - {alert: Busy, expr: 'rate(requests_total[5m]) > 1 or on() gone > 1', annotations: {summary: busy}}
      - {alert: AtTheEnd, expr: 'up @ end() == 0', annotations: {summary: down}}
`;

/** Of every hour, `a` is down from minute 20 to 40 and counts fast from 45 on. */
function past(): string {
  const lines = { up: ['# TYPE up gauge'], requests: ['# TYPE requests counter'] };
  let total = 0;
  for (let minute = 0; minute < MINUTES; minute++) {
    const seconds = (LAST_MS - (MINUTES - 1 - minute) * MINUTE_MS) / 1_000;
    const ofHour = minute % 60;
    total += ofHour >= 45 ? 600 : 6;
    lines.up.push(`up{instance="a"} ${ofHour >= 20 && ofHour < 40 ? 0 : 1} ${seconds}`);
    lines.requests.push(`requests_total{instance="a"} ${total} ${seconds}`);
  }
  return [...lines.up, ...lines.requests, '# EOF\n'].join('\n');
}

interface RuleJson {
  readonly alert: string;
  readonly failures: number;
  readonly periods: readonly { firedAt: string; endedAt: string | null }[];
}

/** Minutes of the data from the firing to the end. */
const shown = ({ periods }: RuleJson): string[] =>
  periods.map(({ firedAt, endedAt }) =>
    [firedAt, endedAt]
      .map((time) => MINUTES - 1 - (LAST_MS - Date.parse(time ?? '')) / MINUTE_MS)
      .join('-'),
  );

describeWithPeers('a real Prometheus', ['prometheus', 'promtool'], (programs) => {
  const [prometheus, promtool] = programs;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let running: RunningProcess;
  let url = '';

  beforeAll(async () => {
    folder = await temporaryFolder();
    const inFolder = (name: string): string => join(folder.path, name);
    await writeFile(inFolder('rules.yml'), RULES);
    await writeFile(inFolder('past.om'), past());
    await writeFile(inFolder('prometheus.yml'), '{}');
    const command = ['tsdb', 'create-blocks-from', 'openmetrics'];
    const made = await runToEnd(promtool!, [...command, inFolder('past.om'), inFolder('data')]);
    if (made.code !== 0) throw new Error(made.output);
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    running = startProcess(prometheus!, [
      `--config.file=${inFolder('prometheus.yml')}`,
      `--storage.tsdb.path=${inFolder('data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    await eventually('Prometheus to be ready', () => getText(`${url}/-/ready`));
  });

  afterAll(async () => {
    await running.stop();
    await folder.remove();
  });

  async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    let out = '';
    let err = '';
    const code = await runCli(args, {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      env: {},
      cwd: folder.path,
    });
    return { code, out, err };
  }

  it('is asked by a backtest', async () => {
    const { code, out, err } = await cli(
      'backtest',
      'rules.yml',
      '--since=7h',
      '--json',
      '--engine',
      url,
    );
    expect(err).toBe('');
    const [down, busy, atTheEnd] = (JSON.parse(out) as { rules: RuleJson[] }).rules;
    const hours = [0, 60, 120, 180, 240, 300];
    expect(shown(down!)).toEqual(hours.map((hour) => `${hour + 25}-${hour + 40}`));
    expect(shown(busy!)).toHaveLength(6);
    expect(shown(atTheEnd!)).toEqual(hours.map((hour) => `${hour + 20}-${hour + 40}`));
    expect(code).toBe(0);
  });

  it('is asked for the series that rules read', async () => {
    const { code, err } = await cli('check', 'rules', 'rules.yml', '--engine', url);
    expect(code).toBe(0);
    expect(err).toBe(
      '  WARNING: rules.yml:5: group "g", rule 2, "Busy": gone matches no series (unmatched-selector)\n',
    );
  });
});
