// The simulated cluster of `npm run demo -- --cluster`: a process of its own, in which nodes, pods and what they run live
// and break.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PlainError, root, runtimePath, say } from './workspace.mjs';

const PROGRAM = join(root, 'test', 'kube', 'cluster', 'cluster-demo.process.ts');

/**
 * @param folder where the rules and the routing of this demo are put
 * @param engineUrl the engine that is about to start
 */
export async function startClusterDemo(folder, engineUrl) {
  mkdirSync(folder, { recursive: true });
  const demo = new ClusterDemo(folder, engineUrl);
  await demo.start();
  return demo;
}

class ClusterDemo {
  #told = [];
  #stopped = false;

  constructor(folder, engineUrl) {
    this.child = spawn(
      runtimePath(),
      ['--disable-warning=ExperimentalWarning', PROGRAM, '--folder', folder, '--engine', engineUrl],
      // Its standard input ends with this process, and it with that.
      { stdio: ['pipe', 'pipe', 'inherit'], detached: true },
    );
    this.past = new Promise((resolve) => {
      this.onPast = resolve;
    });
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  async start() {
    say('a simulated cluster of 20 nodes starts …');
    const ready = new Promise((resolve) => {
      createInterface({ input: this.child.stdout }).on('line', (line) => {
        const message = JSON.parse(line);
        if (message.ready !== undefined) resolve(message.ready);
        else if (message.past !== undefined) this.onPast();
        else this.#told.push([Date.now(), message.tell]);
      });
    });
    const failed = this.ended.then(() => {
      throw new PlainError('the simulated cluster ended.');
    });
    failed.catch(() => {});
    this.failed = failed;
    const { api, exporters } = await Promise.race([ready, failed]);
    this.env = { BINNACLE_CLUSTER_API: api, BINNACLE_CLUSTER_EXPORTERS: exporters };
  }

  /** The engine is there: it gets an hour of history, so that rules and dashboards have something to look back at. */
  async prepare() {
    say('writing the last hour of the cluster …');
    await Promise.race([this.past, this.failed]);
  }

  hush() {
    this.#stopped = true;
  }

  async stop() {
    this.hush();
    this.child.stdin.end();
    await this.ended;
  }

  /** Prints what goes wrong and what people are notified of, until stopped. */
  async follow(engineUrl) {
    say(
      'demo: things go wrong one after the other from now on; what waits for 15 minutes on a real cluster waits for one here.',
    );
    process.stdout.write(`
  what is wrong now      npx binnacle alerts
  the same over HTTP     ${engineUrl}/api/v1/alerts
  try in Grafana         import grafana/dashboards/Binnacle/overview.json; then Pod Liveness & Readiness, Rollouts, Nodes
  ask                    npx binnacle query 'sum by (namespace) (kube_pod_status_ready{condition="true"})'

`);
    while (!this.#stopped) {
      for (const [atMs, text] of this.#told.splice(0)) {
        process.stdout.write(`  ${new Date(atMs).toISOString().slice(11, 19)}  ${text}\n`);
      }
      await Promise.race([new Promise((go) => setTimeout(go, 200)), this.failed]);
    }
  }
}
