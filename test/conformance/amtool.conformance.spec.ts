import 'reflect-metadata';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { runCli } from '../../apps/cli/src/cli.ts';
import { describeConformance } from '../support/conformance.ts';
import { GoldenEngine, readCalls } from '../support/golden-engine.ts';
import { KnownFailures } from '../support/known-failures.ts';
import { describeWithPeers } from '../support/peers.ts';
import { AMTOOL_KNOWN_FAILURES, OLD_AMTOOL_KNOWN_FAILURES } from './alertmanager.known-failures.ts';

interface Run {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What was posted between the recorded calls and the runs; the runs show it. */
const POSTED_BEFORE = [
  {
    labels: { alertname: 'Test_Alert', job: 'a b', node: 'foo' },
    annotations: { summary: 'one "two"' },
    startsAt: '2026-02-03T04:05:06Z',
    endsAt: '2036-01-01T00:00:00Z',
    generatorURL: 'http://p/g',
  },
  {
    labels: { alertname: 'Check_Foo_Fails', node: 'bar' },
    annotations: { summary: 'x' },
    startsAt: '2026-02-03T04:05:07Z',
    endsAt: '2036-01-01T00:00:00Z',
  },
];
const POST_ALERTS = { name: 'post alerts', method: 'POST', path: '/api/v2/alerts', status: 200 };

function readRuns(folder: string): Run[] {
  return readFileSync(join(folder, 'amtool-cli.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Run);
}

function knownDifferences(amtool: string): readonly string[] {
  const { stdout } = spawnSync(amtool, ['--version'], { encoding: 'utf8' });
  return stdout.includes('version 0.33.')
    ? AMTOOL_KNOWN_FAILURES
    : [...AMTOOL_KNOWN_FAILURES, ...OLD_AMTOOL_KNOWN_FAILURES];
}

const RECORDED_URL = 'http://localhost:9093';

/*
 * What a real amtool, of whatever release is here, shows of our engine, beside what the recorded release showed of a real
 * Alertmanager after the same calls. Runs that speak to no server only show that this amtool and the recorded one agree.
 */
describeConformance('amtool', ['alertmanager', 'golden'], (path) => {
  describeWithPeers('against the engine', ['amtool'], ([amtool = '']) => {
    const engine = new GoldenEngine(path);
    /** Our ids of silences by those of the recording. */
    const ids = new Map<string, string>();

    beforeAll(async () => {
      await engine.start();
      for (const call of readCalls(path)) await engine.replay(call);
      await engine.replay({ ...POST_ALERTS, request: POSTED_BEFORE });
    });
    afterAll(() => engine.stop());

    const runs = readRuns(path);
    const known = new KnownFailures(knownDifferences(amtool));
    it.each(runs.map((run, i) => [i, run.args.slice(1).join(' '), run] as const))(
      '%d %s',
      async (i, _, run) => {
        const args = run.args
          .slice(1)
          .map((arg) => ids.get(arg) ?? engine.idOf(arg) ?? arg.replace(RECORDED_URL, engine.url));
        const child = spawn(amtool, args, {
          cwd: join(path, '..', run.cwd),
          env: { HOME: '/nonexistent', TZ: 'UTC' },
        });
        let stdout = '';
        child.stdout.on('data', (part: Buffer) => (stdout += part.toString()));
        const [exit] = (await once(child, 'close')) as [number];
        if (/^[0-9a-f-]{36}\n$/.test(run.stdout)) ids.set(run.stdout.trim(), stdout.trim());
        await known.run(String(i), () => {
          expect({ exit, stdout: comparable(stdout) }).toEqual({
            exit: run.exit,
            stdout: comparable(run.stdout),
          });
        });
      },
    );

    it('knows every failure that is listed', () => {
      expect(known.unseen).toEqual([]);
    });
  });
});

/* `binnacle routes` on the same files says what `amtool config routes` said. */
describeConformance('binnacle routes', ['alertmanager', 'golden'], (path) => {
  const runs = readRuns(path).filter(
    ({ args }) => args[2] === 'routes' && args[4]?.startsWith('--config.file=') === true,
  );
  it.each(runs.map((run) => [run.args.slice(3).join(' '), run] as const))('%s', async (_, run) => {
    const [verb = '', file = '', ...rest] = run.args.slice(3);
    const args = rest.map((arg) => arg.replace('--verify.receivers=', '--expect='));
    const folder = join(path, '..', run.cwd);
    let stdout = '';
    const io = { out: (text: string) => (stdout += text), err: () => {}, env: {} };
    const config = join(folder, file.replace('--config.file=', ''));
    const options = args.filter((arg) => arg.startsWith('--'));
    const labels = args.filter((arg) => !arg.startsWith('--'));
    const exit = await runCli(['routes', verb, ...options, config, ...labels], io);
    expect({ exit, stdout: comparable(stdout) }).toEqual({
      exit: run.exit,
      stdout: comparable(run.stdout.replace(/^WARNING: .*$/m, '')),
    });
  });
});

/**
 * Lines without ids, moments, widths of columns and remarks of amtool's own, in any order: what is equal in every key has
 * none.
 */
function comparable(stdout: string): readonly string[] {
  return stdout
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
    .replace(/2026-\d\d-\d\d[T ]\d\d:\d\d:\d\d/g, (time) => (isLately(time) ? '<now>' : time))
    .replace(/<now>\.\d+Z/g, '<now>')
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .filter((line) => line !== '' && !/^time=\S+ level=WARN/.test(line))
    .toSorted();
}

/** Of the day of the recording or of today. */
function isLately(time: string): boolean {
  const timeMs = Date.parse(`${time.replace(' ', 'T')}Z`);
  return time.startsWith('2026-11-20') || Math.abs(timeMs - Date.now()) < 86_400_000;
}
