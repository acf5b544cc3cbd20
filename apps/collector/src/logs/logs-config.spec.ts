import { describe, expect, it } from '@jest/globals';
import { parseYamlConfig } from '#libs/yaml-config';
import { fluentdOutputsSchema, logsConfigSchema } from './logs-config.ts';
import { z } from 'zod';

const schema = z.strictObject({
  logs: logsConfigSchema.prefault({}),
  fluentd: fluentdOutputsSchema.prefault([]),
});

function parse(text: string): z.output<typeof schema> {
  return parseYamlConfig(text, schema, { file: 'c.yml' });
}

function complaint(text: string): string {
  try {
    parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

describe('the sections for logs', () => {
  it('are complete when they are empty', () => {
    expect(parse('')).toEqual({
      logs: {
        files: [],
        parsers: [],
        multiline_rules: [],
        metrics: [],
        multiline_limits: { lines: 1_000, size: 262_144, wait: 1_000 },
        inputs: expect.objectContaining({ forward: [] }),
        pods: {
          labels: ['name', 'instance', 'component', 'version'].map(
            (name) => `app.kubernetes.io/${name}`,
          ),
          annotations: [],
          obey_annotations: true,
          wait: 2_000,
          keep: 3_600_000,
        },
        poll_interval: 250,
        scan_interval: 2000,
        max_open_files: 4096,
        live_view: { allow_anonymous: false },
        close_quiet: 300_000,
      },
      fluentd: [],
    });
  });

  it('need little', () => {
    const { logs, fluentd } = parse(
      'logs: {files: [{name: app, include: [/var/log/app/*.log]}]}\nfluentd: [{host: logs}]\n',
    );
    expect(logs.files[0]).toEqual({
      name: 'app',
      include: ['/var/log/app/*.log'],
      encoding: 'utf-8',
      exclude: [],
      multiline: [],
      drop: [],
      sample: [],
      redact: { kinds: [], patterns: [] },
      format: 'raw',
      labels: {},
      from: 'end',
      max_line_bytes: 2 * 1024 * 1024,
      link_targets: [],
    });
    expect(fluentd[0]).toEqual({
      name: 'logs-24224',
      host: 'logs',
      port: 24_224,
      tag: 'binnacle',
      ack_timeout: 30_000,
      min_backoff: 500,
      max_backoff: 30_000,
      fallbacks: [],
      compress: 'none',
      spool: { max_size: 512 * 1024 * 1024, when_full: 'drop_oldest', after: 10_000, priority: 50 },
    });
  });

  it.each([
    [
      'logs: {files: [{name: a, include: [/*.log]}]}',
      'c.yml:1: logs.files[0].include[0]: expected a pattern below',
    ],
    ['logs: {files: [{name: a, include: []}]}', 'logs.files[0].include'],
    ['logs: {files: [{name: "a/b", include: [x]}]}', 'accepted are letters, digits'],
    [
      'logs: {files: [{name: a, include: [x], format: xml}]}',
      'accepted are raw, cri, docker-json, json',
    ],
    ['logs: {files: [{name: a, include: [x], from: middle}]}', 'accepted are beginning, end'],
    ['logs: {files: [{name: a, include: [x], labels: {level: x}}]}', 'set by the collector itself'],
    ['logs: {files: [{name: a, include: [x], labels: {"a-b": x}}]}', 'not a label name'],
    ['logs: {files: [{name: a, include: [x]}, {name: a, include: [y]}]}', 'has this name'],
    ['logs: {files: [{name: a, includes: [x]}]}', 'unknown key "includes"; accepted are'],
    ['logs: {poll_interval: 1ms}', 'at least 10ms is accepted'],
    ['logs: {poll_interval: often}', 'not a valid duration'],
    ['fluentd: [{port: 0}]', 'fluentd[0].port'],
    ['fluentd: [{tag: "a b"}]', 'accepted are letters'],
    ['fluentd: [{host: a}, {host: a}]', 'has this name or address'],
    ['fluentd: [{tls: true}]', 'unknown key "tls"'],
    ['fluentd: [{shared_key: a, shared_key_file: b}]', 'not both'],
    ['fluentd: [{shared_key: a, username: b}]', 'go together'],
    ['fluentd: [{username: a, password: b}]', 'only together with a shared key'],
    ['fluentd: [{compress: zip}]', 'accepted are none, gzip'],
    ['fluentd: [{spool: {when_full: wait}}]', 'accepted are drop_oldest, drop_newest'],
  ])('say where and what would be accepted: %s', (text, expected) => {
    expect(complaint(text)).toContain(expected);
  });

  it('keep a shared key to themselves', () => {
    const { fluentd } = parse('fluentd: [{shared_key: sesame}]');
    expect(JSON.stringify(fluentd)).not.toContain('sesame');
    expect(fluentd[0]!.shared_key!.reveal()).toBe('sesame');
  });
});
