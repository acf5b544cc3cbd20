import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createExpositionParser } from '#libs/exposition';
import {
  DEFAULT_EXCLUDED_MOUNT_POINTS,
  HostMetricsCollector,
  hostMetricsCollectorNames,
} from '#libs/host-metrics';
import { Labels } from '#libs/labels';
import { NodeHostSource } from '#libs/node-host';
import { describeWithPeers } from '../support/peers.ts';
import {
  eventually,
  freePort,
  getText,
  type RunningProcess,
  startProcess,
} from '../support/processes.ts';

const ROOT = join(import.meta.dirname, '..', '..');

interface HostMetrics {
  /** By series as PromQL writes it. */
  readonly values: ReadonlyMap<string, number>;
  /** By metric name. */
  readonly types: ReadonlyMap<string, string>;
  /** By metric name. */
  readonly helps: ReadonlyMap<string, string>;
}

/** About the exporter itself, not about the machine. */
const ABOUT_ITSELF =
  /^(go_|process_|promhttp_|node_exporter_build_info|node_scrape_collector_|up\{|up$)/;
/** The peer's release asks the kernel by netlink, which gives no statistics of the loopback device. */
const UNKNOWN_TO_THE_PEER = /^node_network_(receive|transmit)_.*device="lo"/;
/** Say the same at every look. */
const CONSTANT =
  /^node_(\w+_info\{|boot_time|memory_(Mem|Swap)Total|filesystem_(size|files\{|readonly)|network_(up|mtu|speed|iface)|filefd_maximum|nf_conntrack_entries_limit)/;
/** Go up and down by any amount between two looks at a machine, however close together. */
const VOLATILE = /^node_(memory_(Dirty|Writeback)_bytes|procs_(running|blocked)|entropy|softnet_)/;

function readExposition(text: string): HostMetrics {
  const values = new Map<string, number>();
  const types = new Map<string, string>();
  const helps = new Map<string, string>();
  for (const [, name, help] of text.matchAll(/^# HELP (\S+) (.*)$/gm)) helps.set(name!, help!);
  const parser = createExpositionParser('text', Buffer.from(text));
  for (let entry = parser.next(); entry !== null; entry = parser.next()) {
    if (entry === 'type') {
      // Both names mean the same; the text format writes the one, OpenMetrics the other.
      const type = parser.metricType === 'unknown' ? 'untyped' : parser.metricType;
      types.set(parser.metricFamily(), type);
    }
    if (entry === 'series') values.set(parser.labels().toString(), parser.value);
  }
  return { values, types, helps };
}

async function ownMetrics(): Promise<HostMetrics> {
  const collector = new HostMetricsCollector({ baseLabels: Labels.EMPTY });
  const { batch } = await collector.collect(new NodeHostSource({}), Date.now());
  const values = new Map<string, number>();
  batch.labels.forEach((labels, series) => {
    values.set(labels.toString(), batch.values[batch.firstSample[series]!]!);
  });
  const families = [...collector.families.values()];
  return {
    values,
    types: new Map(families.map(({ name, type }) => [name, type])),
    helps: new Map(families.map(({ name, help }) => [name, help])),
  };
}

describeWithPeers(
  'host metrics beside a real node_exporter',
  ['prometheus-node-exporter'],
  ([program]) => {
    let exporter: RunningProcess;
    let url: string;
    let theirs: HostMetrics;
    let before: HostMetrics;
    let ours: HostMetrics;

    /** Theirs, between two of ours. */
    async function look(): Promise<void> {
      before = await ownMetrics();
      theirs = readExposition((await getText(url))!);
      ours = await ownMetrics();
    }

    beforeAll(async () => {
      const port = await freePort();
      exporter = startProcess(program!, [
        `--web.listen-address=127.0.0.1:${port}`,
        '--collector.disable-defaults',
        ...hostMetricsCollectorNames.map((name) => `--collector.${name}`),
        // Debian has a default of its own.
        `--collector.filesystem.mount-points-exclude=${DEFAULT_EXCLUDED_MOUNT_POINTS}`,
      ]);
      url = `http://127.0.0.1:${port}/metrics`;
      await eventually('node_exporter', () => getText(url));
      await look();
    });

    afterAll(() => exporter.stop());

    const aboutTheMachine = (metrics: HostMetrics): string[] =>
      [...metrics.values.keys()].filter((series) => !ABOUT_ITSELF.test(series));

    /** What is found at every look: mounts and devices of others may come and go between two. */
    async function foundAtEveryLook(find: () => readonly string[]): Promise<readonly string[]> {
      let found = find();
      for (let i = 0; found.length > 0 && i < 20; i++) {
        await look();
        const still = new Set(find());
        found = found.filter((series) => still.has(series));
      }
      return found;
    }

    it('has every series it has', async () => {
      const found = await foundAtEveryLook(() =>
        aboutTheMachine(theirs).filter(
          (series) => !ours.values.has(series) && !before.values.has(series),
        ),
      );
      expect(found).toEqual([]);
      expect(aboutTheMachine(theirs).length).toBeGreaterThan(200);
    });

    it('has no series it lacks', async () => {
      const found = await foundAtEveryLook(() =>
        aboutTheMachine(ours).filter(
          (series) =>
            before.values.has(series) &&
            !theirs.values.has(series) &&
            !UNKNOWN_TO_THE_PEER.test(series),
        ),
      );
      expect(found).toEqual([]);
    });

    it('has the same type for every name', () => {
      const ofTheMachine = [...theirs.types].filter(([name]) => !ABOUT_ITSELF.test(name));
      const ourTypes = ofTheMachine.map(([name]) => [name, ours.types.get(name)]);
      expect(ourTypes).toEqual(ofTheMachine);
    });

    it('has the same help for every name', () => {
      const ofTheMachine = [...theirs.helps].filter(([name]) => !ABOUT_ITSELF.test(name));
      const ourHelps = ofTheMachine.map(([name]) => [name, ours.helps.get(name)]);
      expect(ourHelps).toEqual(ofTheMachine);
    });

    it('lacks nothing that it has by default, but what the documentation names', async () => {
      const port = await freePort();
      const address = `http://127.0.0.1:${port}/metrics`;
      const usual = startProcess(program!, [`--web.listen-address=127.0.0.1:${port}`]);
      try {
        const text = await eventually('node_exporter as it is', () => getText(address));
        const lacking = [...readExposition(text).types.keys()].filter(
          (name) => name.startsWith('node_') && !ABOUT_ITSELF.test(name) && !ours.types.has(name),
        );
        const docs = await readFile(join(ROOT, 'docs', 'configuration.md'), 'utf8');
        const named = [...docs.matchAll(/`(node_\w+_)\*`/g)].map(([, prefix]) => prefix!);
        const unnamed = lacking.filter((name) => !named.some((prefix) => name.startsWith(prefix)));
        expect(unnamed).toEqual([]);
        // Every kernel has these.
        expect(lacking).toContain('node_timex_offset_seconds');
      } finally {
        await usual.stop();
      }
    });

    it('has the same values, between what we saw just before and just after', async () => {
      // On a busy machine anything may move for a moment; what is wrong is so at every look.
      const apart = await foundAtEveryLook(() => [...valuesApart().keys()]);
      const told = valuesApart();
      expect(apart.map((series) => told.get(series) ?? series)).toEqual([]);
    });

    /** What differs at the last look, by series. */
    function valuesApart(): Map<string, string> {
      const apart = new Map<string, string>();
      for (const series of aboutTheMachine(theirs)) {
        if (VOLATILE.test(series)) continue;
        // What came or went in between is of no account here.
        if (!before.values.has(series) || !ours.values.has(series)) continue;
        const their = theirs.values.get(series)!;
        const [least, most] = [before.values.get(series)!, ours.values.get(series)!].toSorted(
          (a, b) => a - b,
        );
        // What counts things may have moved by a few in between.
        const slack = CONSTANT.test(series) ? 0 : 20 + 0.1 * Math.abs(most!);
        const isClose = Number.isNaN(their)
          ? Number.isNaN(most)
          : their >= least! - slack && their <= most! + slack;
        if (!isClose) apart.set(series, `${series}: ${their} there, ${least} to ${most} here`);
      }
      return apart;
    }
  },
);
