import { describe, expect, it } from '@jest/globals';
import { EventPipeline, type LogSource, ParserSet } from '#libs/log-pipeline';
import { Registry } from 'prom-client';
import { InputRules } from './input-rules.ts';
import { LiveView } from './live-view.ts';
import type { LogChunk } from './log-chunk.ts';
import { entriesOf } from './log-entries.ts';
import { IntakeBatch, type IntakePath, LogIntake } from './log-intake.ts';
import { RecordBuilder } from './record-builder.ts';

const SOURCE: LogSource = {
  path: 'a',
  podPath: null,
  pod: null,
  identity: { namespace: 'shop', pod: 'web-1', container: '', workload: 'web' },
  attributes: { source: 'a' },
};

function rules(): InputRules {
  const pipeline = new EventPipeline({
    parsers: new ParserSet([]),
    parser: null,
    shipping: {
      drop: [{ pattern: 'noise', levels: null, streams: null }],
      sample: [],
      rateLimit: null,
      redact: { kinds: [], patterns: [] },
    },
    obeysAnnotations: false,
  });
  return new InputRules(
    [{ name: 'rule', match: { inputs: null, tags: null, namespaces: null }, pipeline }],
    () => pipeline,
  );
}

function batch(...messages: readonly string[]): IntakeBatch {
  const builder = new RecordBuilder();
  for (const message of messages) {
    builder.begin(SOURCE, 1, 0, 0);
    builder.message(Buffer.from(message));
    builder.end();
  }
  return new IntakeBatch('forward', null, builder);
}

class Disk {
  readonly tag: string = 'node';
  readonly chunks: LogChunk[] = [];
  isBroken = false;

  append(chunk: LogChunk): Promise<void> {
    if (this.isBroken) return Promise.reject(new Error('EIO'));
    this.chunks.push(chunk);
    return Promise.resolve();
  }

  get messages(): readonly string[] {
    return this.chunks.flatMap((chunk) => entriesOf(chunk).map(({ message }) => message));
  }
}

function intakeTo(...lanes: readonly Disk[]): { intake: LogIntake; path: IntakePath } {
  const path: IntakePath = { lanes, rules: rules(), meters: { add: () => {} }, pods: null };
  const intake = new LogIntake(new LiveView(new Registry()));
  intake.attach(path);
  return { intake, path };
}

function linesOf({ rules: { groups } }: IntakePath): number {
  return groups
    .flatMap(({ counts }) => counts.list(0))
    .flatMap(({ counts }) => counts)
    .reduce((sum, { lines }) => sum + lines, 0);
}

describe('the intake of records', () => {
  it('gives every output what no rule leaves out, and counts all', async () => {
    const [one, two] = [new Disk(), new Disk()];
    const { intake, path } = intakeTo(one, two);
    await intake.take(batch('a', 'noise', 'b'));
    expect([one.messages, two.messages]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    expect(one.chunks.map(({ tag }) => tag)).toEqual(['node.forward']);
    expect(linesOf(path)).toBe(3);
    intake.detach();
  });

  it('takes a batch of which nothing is left without writing it', async () => {
    const disk = new Disk();
    disk.isBroken = true;
    const { intake, path } = intakeTo(disk);
    await intake.take(batch('noise'));
    expect(linesOf(path)).toBe(1);
    intake.detach();
  });

  it('counts once what is refused and handed over again', async () => {
    const disk = new Disk();
    disk.isBroken = true;
    const { intake, path } = intakeTo(disk);
    const records = batch('a', 'noise');
    await expect(intake.take(records)).rejects.toMatchObject({ reason: 'disk' });
    await expect(intake.take(records)).rejects.toMatchObject({ reason: 'disk' });
    expect(linesOf(path)).toBe(0);
    disk.isBroken = false;
    await intake.take(records);
    expect(disk.messages).toEqual(['a']);
    expect(linesOf(path)).toBe(2);
    expect(path.rules.groups[0]!.pipeline.shippingCounters.dropped.filtered).toBe(1);
    intake.detach();
  });

  it('takes nothing before it is told where to, and after', async () => {
    const intake = new LogIntake(new LiveView(new Registry()));
    await expect(intake.take(batch('a'))).rejects.toMatchObject({ reason: 'stopped' });
    const disk = new Disk();
    const { intake: other } = intakeTo(disk);
    other.detach();
    await expect(other.take(batch('a'))).rejects.toMatchObject({ reason: 'stopped' });
    expect(disk.chunks).toEqual([]);
  });
});
