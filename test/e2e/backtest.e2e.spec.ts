import 'reflect-metadata';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Labels } from '#libs/labels';
import { SampleBatchBuilder } from '#libs/samples';
import { STORE_WRITER, type StoreWriter } from '../../apps/alert-engine/src/store/store-writer.ts';
import { runCli } from '../../apps/cli/src/cli.ts';
import { startEngine } from '../support/engine.ts';

const MINUTE_MS = 60_000;
const RULES = `groups:
  - name: g
    rules:
      - {alert: Down, expr: up == 0, for: 5m, annotations: {summary: down}}
      - {alert: Gone, expr: 'gone_total > 1'}
      - {alert: Twice, expr: 'up + on() group_right up'}
      - {record: not_an_alert, expr: up}
`;

let folder = '';
let app: NestFastifyApplication;
let engine = '';
/** The minute in which the data ends. */
let lastMs = 0;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-backtest-'));
  await writeFile(join(folder, 'rules.yml'), RULES);
  ({ app, url: engine } = await startEngine(join(folder, 'data')));
  lastMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
});

afterEach(async () => {
  await app.close();
  await rm(folder, { recursive: true, force: true });
});

/** `up` of two targets over the last hour: `a` is down for twenty minutes, `b` for three. */
async function writePast(): Promise<void> {
  const builder = new SampleBatchBuilder();
  for (const [instance, downFrom, downUntil] of [
    ['a', 20, 40],
    ['b', 10, 13],
  ] as const) {
    builder.addSeries(Labels.fromRecord({ __name__: 'up', instance }));
    for (let minute = 0; minute <= 60; minute++) {
      const isDown = minute >= downFrom && minute < downUntil;
      builder.addSample(lastMs - (60 - minute) * MINUTE_MS, isDown ? 0 : 1);
    }
  }
  await app.get<StoreWriter>(STORE_WRITER, { strict: false }).append(builder.take());
}

/** When a minute of {@link writePast} was. */
const at = (minute: number): string =>
  new Date(lastMs - (60 - minute) * MINUTE_MS).toISOString().replace('.000', '');

async function backtest(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const io = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    env: { BINNACLE_ENGINE: engine },
    cwd: folder,
  };
  const code = await runCli(['backtest', ...args], io);
  return { code, out, err };
}

describe('binnacle backtest', () => {
  it('says by a running engine’s data when alerts would have fired', async () => {
    await writePast();
    const { code, out, err } = await backtest('rules.yml', '--since=2h', '--json');
    expect(err).toBe('');
    const { rules } = JSON.parse(out) as { rules: Record<string, unknown>[] };
    expect(rules).toMatchObject([
      {
        alert: 'Down',
        line: 4,
        firings: 1,
        unfired: 1,
        firingSeconds: 900,
        pages: 1,
        pagesPerWeek: 84,
        failures: 0,
        periods: [
          {
            labels: { alertname: 'Down', instance: 'a' },
            activeAt: at(20),
            firedAt: at(25),
            endedAt: at(40),
          },
        ],
      },
      { alert: 'Gone', firings: 0, unmatched: ['gone_total'] },
      { alert: 'Twice', firings: 0, lastError: expect.stringContaining('many-to-many') },
    ]);
    expect(code).toBe(1);

    const told = await backtest('rules.yml', '--since=2h');
    expect(told.out).toContain('rules.yml:4: g/Down: fired 1 time for 15m\n    84.0 pages a week,');
    expect(told.out).toContain(`    ${at(25)}  15m  {alertname="Down", instance="a"}\n`);
    expect(told.out).toContain('g/Gone: never fired\n    there are no series gone_total\n');
    expect(told.out).toContain('\n1 of 3 alerts fired, 84.0 pages a week in all\n');
  });

  it.each([
    [['nosuch.yml'], 1, 'nosuch.yml cannot be read'],
    [[], 2, 'takes at least one rule file'],
    [['rules.yml', '--since=soon'], 2, '--since takes a duration'],
    [['rules.yml', '--step=0s'], 2, '--step takes a duration'],
  ])('given %j ends with %d', async (args, expected, message) => {
    const { code, err } = await backtest(...args);
    expect([code, err]).toEqual([expected, expect.stringContaining(message)]);
  });
});
