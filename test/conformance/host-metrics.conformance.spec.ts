import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { HostMetricsCollector } from '#libs/host-metrics';
import { Labels } from '#libs/labels';
import { NodeHostSource } from '#libs/node-host';
import { describeConformance } from '../support/conformance.ts';

/** What an exposition says about each name: its type, its help, and the label names of its series. */
interface Family {
  readonly type: string;
  help: string;
  readonly labelNames: Set<string>;
}

function familiesOf(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  const helps = new Map<string, string>();
  for (const line of text.split('\n')) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment?.[1] === 'HELP') helps.set(comment[2]!, comment[3]!);
    if (comment?.[1] === 'TYPE') {
      const name = comment[2]!;
      const help = helps.get(name) ?? '';
      families.set(name, { type: comment[3]!, help, labelNames: new Set() });
    }
    const sample = /^([a-zA-Z_:][\w:]*)\{(.*)\} /.exec(line);
    if (sample === null) continue;
    for (const label of sample[2]!.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)) {
      families.get(sample[1]!)?.labelNames.add(label[1]!);
    }
  }
  return families;
}

const isLinux = process.platform === 'linux';

describeConformance(
  'host metrics of this machine beside a recorded node_exporter 1.5.0',
  ['exposition', 'exporters', 'node-exporter-1.5.0.prom.txt'],
  (path) => {
    const theirs = familiesOf(readFileSync(path, 'utf8'));

    it('have the same types, help texts and label names for every name both have', async () => {
      if (!isLinux) return;
      const collector = new HostMetricsCollector({ baseLabels: Labels.EMPTY });
      const { batch } = await collector.collect(new NodeHostSource(), Date.now());
      const differences: string[] = [];
      let compared = 0;
      for (const { name, type, help } of collector.families.values()) {
        const family = theirs.get(name);
        if (family === undefined) continue;
        compared++;
        if (family.type !== type) differences.push(`${name}: ${type}, not ${family.type}`);
        if (family.help !== help) differences.push(`${name}: ${help}, not ${family.help}`);
      }
      for (const labels of batch.labels) {
        const family = theirs.get(labels.metricName);
        for (const [name] of labels.withoutMetricName()) {
          if (family !== undefined && !family.labelNames.has(name)) {
            differences.push(`${labels.metricName}: label ${name}`);
          }
        }
      }
      expect(differences).toEqual([]);
      expect(compared).toBeGreaterThan(100);
    });
  },
);
