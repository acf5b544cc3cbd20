// `npm start`: installs and builds what is missing, runs the whole stack on this machine and says where to look.
// `npm run demo` is the same with a small service whose readiness comes and goes; with `--cluster` it is a simulated cluster.
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startClusterDemo } from './lib/cluster-demo.mjs';
import { startDemo } from './lib/demo.mjs';
import { makeDataFolders, query, Service, sleep } from './lib/stack.mjs';
import { ensureBuilt, ensureInstalled, main, PlainError, root, say } from './lib/workspace.mjs';

const USAGE =
  'usage: npm start -- [--data DIR] [--engine-port N] [--collector-port N] [--demo-port N]; npm run demo takes --cluster as well';
const FIRST_DATA_TIMEOUT_MS = 120_000;

/** The same of the simulated cluster. */
const SIGNS_OF_A_CLUSTER = [
  ['the cluster is watched', 'count(kube_node_info) >= 20'],
  ['kubelets are scraped', 'count(up{job="kubelet"} == 1)'],
  ['nodes are measured', 'count(node_load1)'],
  ['probes answer', 'count(probe_success == 1)'],
  ['rules are evaluated', 'count(ALERTS{alertname="Watchdog"})'],
];

/** What a newcomer should see within the first minute; each line is told when its query has an answer. */
const SIGNS_OF_LIFE = [
  ['the collector and the engine are scraped', 'count(up == 1) >= 2'],
  ['host metrics arrive', 'count(node_cpu_seconds_total)'],
  ['probes answer', 'count(probe_success == 1)'],
  ['log lines are counted', 'sum(binnacle_log_lines_total) > 0'],
  ['rules are evaluated', 'count(ALERTS{alertname="Watchdog"})'],
];

await main(async () => {
  const options = readOptions();
  const startMs = Date.now();
  await ensureInstalled();
  await ensureBuilt();
  makeDataFolders(options.dataDir);

  const started = [];
  let onStop;
  const stopRequested = new Promise((resolve_) => {
    onStop = resolve_;
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => onStop(signal));

  const run = async () => {
    const demoDir = join(options.dataDir, 'demo');
    const demo = options.isCluster
      ? await startClusterDemo(demoDir, `http://127.0.0.1:${options.enginePort}`)
      : options.isDemo
        ? await startDemo(options.demoPort, demoDir)
        : null;
    if (demo !== null) started.push(demo);
    const engine = startService('engine', options.enginePort, options, demo?.env);
    started.push(engine);
    await engine.waitUntilReady(progressOnce('engine'));
    say(`engine ready at ${engine.url}`);
    await demo?.prepare?.();
    const collector = startService('collector', options.collectorPort, options, demo?.env);
    started.push(collector);
    await collector.waitUntilReady(progressOnce('collector'));
    say(`collector ready at ${collector.url}`);
    const failed = Promise.race(
      [engine, collector].map((service) =>
        service.ended.then(() => {
          throw new PlainError(service.failure());
        }),
      ),
    );
    await Promise.race([waitForData(engine.url, options), failed]);
    printWhereToLook(engine.url, collector.url, options, startMs);
    await Promise.race(demo === null ? [failed] : [failed, demo.follow(engine.url)]);
  };

  try {
    const signal = await Promise.race([stopRequested, run()]);
    process.stderr.write('\n');
    say(`${signal} received; stopping …`);
  } finally {
    for (const part of started) part.hush?.();
    // The collector first, so that the engine still takes what it flushes.
    for (const part of started.toReversed()) await part.stop();
  }
  say('stopped; nothing is left running');
  return 0;
});

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        data: { type: 'string', default: process.env.BINNACLE_DATA ?? 'var' },
        demo: { type: 'boolean', default: false },
        cluster: { type: 'boolean', default: false },
        'engine-port': { type: 'string', default: '9370' },
        'collector-port': { type: 'string', default: '9371' },
        'demo-port': { type: 'string', default: '9372' },
      },
    });
    if (values.cluster && !values.demo) throw new Error('--cluster is for npm run demo');
    return {
      dataDir: resolve(root, values.data),
      isDemo: values.demo,
      isCluster: values.cluster,
      enginePort: readPort(values['engine-port']),
      collectorPort: readPort(values['collector-port']),
      demoPort: readPort(values['demo-port']),
    };
  } catch (error) {
    throw new PlainError(`${error.message}; ${USAGE}`);
  }
}

function readPort(text) {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`a port is a number from 1 to 65535, not ${JSON.stringify(text)}`);
  }
  return port;
}

function startService(name, port, options, env = {}) {
  const kind = options.isCluster ? 'cluster' : 'demo';
  const folder = options.isDemo ? join('deploy', 'local', kind) : join('deploy', 'local');
  const logDir = join(options.dataDir, 'log');
  return new Service(name, {
    configFile: join(root, folder, `${name}.yml`),
    dataDir: join(options.dataDir, name),
    logFile: join(logDir, `${name}.log`),
    port,
    // What the files in deploy/local take from the environment.
    env: {
      BINNACLE_LOG_DIR: logDir,
      BINNACLE_ENGINE_ADDRESS: `127.0.0.1:${options.enginePort}`,
      BINNACLE_COLLECTOR_ADDRESS: `127.0.0.1:${options.collectorPort}`,
      BINNACLE_DEMO_ADDRESS: `127.0.0.1:${options.demoPort}`,
      BINNACLE_DEMO_DIR: join(options.dataDir, 'demo'),
      ...env,
    },
  });
}

function progressOnce(name) {
  let last = '';
  return (line) => {
    if (line !== '' && line !== last) say(`${name}: ${line.replace('[-] ', '')}`);
    last = line;
  };
}

async function waitForData(engineUrl, { isCluster }) {
  const open = new Map(isCluster ? SIGNS_OF_A_CLUSTER : SIGNS_OF_LIFE);
  const deadline = Date.now() + FIRST_DATA_TIMEOUT_MS;
  while (open.size > 0 && Date.now() < deadline) {
    for (const [what, expr] of open) {
      if ((await query(engineUrl, expr)).length === 0) continue;
      open.delete(what);
      say(`✓ ${what}`);
    }
    await sleep(500);
  }
  for (const what of open.keys()) say(`✗ not yet: ${what}`);
}

function printWhereToLook(engineUrl, collectorUrl, { dataDir }, startMs) {
  const seconds = ((Date.now() - startMs) / 1000).toFixed(0);
  process.stdout.write(`
Binnacle is running on this machine (${seconds} s). Press Ctrl-C to stop it.

  alerts now             npx binnacle alerts
  ask something          npx binnacle query 'sum by (mode) (rate(node_cpu_seconds_total[1m]))'
  the same over HTTP     ${engineUrl}/api/v1/query?query=up
  rules and their state  ${engineUrl}/api/v1/rules
  scrape targets         ${collectorUrl}/api/v1/targets
  probes                 ${collectorUrl}/api/v1/probes
  log files              ${collectorUrl}/api/v1/logs/files
  own metrics            ${engineUrl}/metrics  ${collectorUrl}/metrics
  Grafana                add a Prometheus data source with the URL ${engineUrl}

  configuration          deploy/local/{engine,collector,alertmanager}.yml (changes are taken while it runs)
  data and logs          ${dataDir}

`);
}
