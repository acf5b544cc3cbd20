import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import {
  type ImageConfig,
  imageConfig,
  imageSandbox,
  layOutBase,
  runBuildStage,
  stagesOf,
} from '../support/dockerfile.ts';
import { describeWithSandbox, describeWithEchoes } from '../support/peers.ts';
import {
  eventually,
  getText,
  runToEnd,
  startProcess,
  temporaryFolder,
} from '../support/processes.ts';

const root = join(import.meta.dirname, '..', '..');
const APPS = ['alert-engine', 'collector'] as const;

function stages(app: (typeof APPS)[number]): ReturnType<typeof stagesOf> {
  return stagesOf(readFileSync(join(root, 'deploy', 'images', `${app}.Dockerfile`), 'utf8'));
}

describe('the Dockerfiles', () => {
  it('build both images alike', () => {
    const [engine, collector] = APPS.map((app) => stages(app));
    expect(collector![0]).toEqual(engine![0]);
    expect([engine!.length, collector!.length]).toEqual([2, 3]);
  });

  it.each(APPS)('%s takes nothing but what was built, and runs as a number', (app) => {
    const last = stages(app).at(-1)!;
    expect(last.map(({ word }) => word)).not.toContain('RUN');
    const ping = app === 'collector' ? ['--from=ping /ping /'] : [];
    expect(last.filter(({ word }) => word === 'COPY').map(({ rest }) => rest)).toEqual([
      ...ping,
      '--from=build /app /app',
    ]);
    expect(imageConfig(last).user).toBe('65532:65532');
  });
});

function build(buildImage: string, baseImage: string): ReturnType<typeof runToEnd> {
  return runToEnd(process.execPath, [
    join(root, 'scripts', 'images.mjs'),
    '--dry-run',
    '--registry=registry.example.com',
    '--version=1.0.0',
    `--build-image=${buildImage}`,
    `--base-image=${baseImage}`,
  ]);
}

describe('building a release', () => {
  const digest = `@sha256:${'a'.repeat(64)}`;

  it.each([
    ['--build-image', 'node:24-bookworm-slim', `base${digest}`],
    ['--base-image', `node${digest}`, 'base:nonroot'],
  ])('is refused with an image by tag: %s', async (option, buildImage, baseImage) => {
    const { code, output } = await build(buildImage, baseImage);
    expect([code, output]).toEqual([
      1,
      expect.stringContaining(`${option} must name its image by`),
    ]);
  });

  it('is for two platforms and has an SBOM', async () => {
    const { code, output } = await build(`node${digest}`, `base${digest}`);
    expect([code, output.match(/^docker /gm)]).toEqual([0, ['docker ', 'docker ']]);
    expect(output).toContain('--platform linux/amd64,linux/arm64 --sbom=true');
  });
});

const WRITES = `
const fs = require('node:fs');
const tried = ['/x', '/app/x', '/usr/lib/x', '/etc/x', '/tmp/x', '/var/lib/binnacle/x'].map((path) => {
  try { fs.writeFileSync(path, ''); return 1; } catch { return 0; }
});
const status = fs.readFileSync('/proc/self/status', 'utf8');
console.log(JSON.stringify([tried, process.getuid(), /CapEff:\\s*(\\w+)/.exec(status)[1]]));
`;

/** Runs the collector of the image and prints what its probe came to. */
const PROBE_BY_IMAGE = `
const { spawn } = require('node:child_process');
const [program, ...args] = process.argv.slice(1);
const collector = spawn(program, args, { stdio: 'inherit' });
let found = null;
collector.once('exit', () => process.exit(found === null ? 1 : 0));
const look = async () => {
  const probe = await fetch('http://127.0.0.1:9371/api/v1/probes')
    .then((answer) => answer.json())
    .then(({ data }) => data.probes[0])
    .catch(() => undefined);
  if (probe === undefined || probe.health === 'unknown') return setTimeout(look, 100);
  found = probe;
  console.log('PROBED ' + JSON.stringify(found));
  collector.kill();
};
void look();
`;

describeWithSandbox('the images, laid out as their Dockerfiles say', ['ping'], (bwrap, [ping]) => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let app = '';

  beforeAll(async () => {
    folder = await temporaryFolder();
    app = join(folder.path, 'app');
    const folders = new Map([
      ['/build', join(folder.path, 'build')],
      ['/app', app],
    ]);
    const [buildStage, pingStage] = stages('collector');
    runBuildStage(bwrap, buildStage!, root, folders);
    const tree = join(folder.path, 'ping');
    const pingFolders = new Map([
      ['/ping', tree],
      ['/programs', dirname(ping!)],
    ]);
    // Debian's package is there already, unpacked.
    const steps = pingStage!.filter(({ rest }) => !/apt-get|dpkg-query/.test(rest));
    runBuildStage(bwrap, steps, root, pingFolders, ['/programs']);
    layOutBase(join(app, 'bin', 'node'), folder.path);
    cpSync(join(tree, 'usr'), join(folder.path, 'usr'), { recursive: true });
  }, 600_000);
  afterAll(() => folder.remove());

  async function sandbox(
    name: (typeof APPS)[number],
    config: ImageConfig,
    yaml = '{}\n',
  ): Promise<string[]> {
    // Of its own for each process: one that ends may hold its data for a moment longer than its sandbox.
    const [data = '', etc = ''] = await Promise.all(
      ['data', 'etc'].map((what) => mkdtemp(join(folder.path, `${what}-${name}-`))),
    );
    writeFileSync(join(etc, 'config.yml'), yaml);
    return imageSandbox(folder.path, config, [
      '--bind',
      data,
      '/var/lib/binnacle',
      '--ro-bind',
      etc,
      '/etc/binnacle',
      '--tmpfs',
      '/tmp',
    ]);
  }

  it.each(APPS)('%s becomes ready on a read-only root as another user', async (name) => {
    const config = imageConfig(stages(name).at(-1)!);
    const running = startProcess(bwrap, [
      ...(await sandbox(name, config)),
      ...config.entrypoint,
      '--config=/etc/binnacle/config.yml',
      '--listen=127.0.0.1:0',
    ]);
    try {
      const address = await eventually(`the ${name} to listen`, () => {
        if (running.child.exitCode !== null) throw new Error(running.output());
        return /"address":"([^"]+)"/.exec(running.output())?.[1] ?? null;
      });
      const ready = await eventually(`the ${name} to be ready`, () =>
        getText(`http://${address}/readyz`),
      );
      expect(ready).not.toBe('');
      expect(await getText(`http://${address}/metrics`)).toContain('process_cpu_seconds_total');
    } finally {
      await running.stop();
    }
  });

  describeWithEchoes('with a network of its own', bwrap, (command) => {
    it('the collector sends echoes without any right', async () => {
      const config = imageConfig(stages('collector').at(-1)!);
      const yaml = stringify({
        probes: [{ name: 'echo', module: 'icmp', target: '127.0.0.1', interval: '1s' }],
      });
      const { code, output } = await runToEnd(command[0]!, [
        ...command.slice(1),
        bwrap,
        ...(await sandbox('collector', config, yaml)),
        config.entrypoint[0]!,
        '-e',
        PROBE_BY_IMAGE,
        '--',
        ...config.entrypoint,
        '--config=/etc/binnacle/config.yml',
        '--listen=127.0.0.1:9371',
      ]);
      const probed = /^PROBED (.*)$/m.exec(output)?.[1];
      if (probed === undefined) throw new Error(output);
      expect([code, JSON.parse(probed)]).toEqual([
        0,
        expect.objectContaining({ module: 'icmp', health: 'up', failure: null }),
      ]);
    });
  });

  it('a process of the image may write to its data and to /tmp only', async () => {
    const config = imageConfig(stages('collector').at(-1)!);
    const { code, output } = await runToEnd(bwrap, [
      ...(await sandbox('collector', config)),
      config.entrypoint[0]!,
      '-e',
      WRITES,
    ]);
    expect([code, output.trim()]).toEqual([
      0,
      JSON.stringify([[0, 0, 0, 0, 1, 1], 65_532, '0000000000000000']),
    ]);
  });

  it('the image holds no tool of the build and no test', () => {
    const files = readdirSync(app, { recursive: true, encoding: 'utf8' });
    expect(files).toEqual(expect.arrayContaining(['bin/node', 'dist/apps/collector/src/main.js']));
    const unwanted =
      /^dist\/.*(?:\.spec\.|\.ts$)|^node_modules\/(?:typescript|jest|@swc\/core|node-linux-[^/]+)$/;
    expect(files.filter((file) => unwanted.test(file))).toEqual([]);
  });
});
