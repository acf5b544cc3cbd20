/*
 * Cost of one collection on this machine.
 *   node --conditions=repo-source libs/node-host/bench/collect.bench.ts
 */
import { HostMetricsCollector } from '#libs/host-metrics';
import { Labels } from '#libs/labels';
import { NodeHostSource } from '#libs/node-host';

const ROUNDS = 200;
const collector = new HostMetricsCollector({ baseLabels: Labels.EMPTY });
const source = new NodeHostSource();
await collector.collect(source, Date.now());
const before = process.cpuUsage();
const startMs = performance.now();
let samples = 0;
for (let i = 0; i < ROUNDS; i++) {
  samples += (await collector.collect(source, Date.now())).batch.sampleCount;
}
const { user, system } = process.cpuUsage(before);
const wallMs = (performance.now() - startMs) / ROUNDS;
const cpuMs = (user + system) / 1000 / ROUNDS;
console.log(
  `${samples / ROUNDS} samples a collection: ${wallMs.toFixed(2)} ms, ${cpuMs.toFixed(2)} ms of CPU`,
);
