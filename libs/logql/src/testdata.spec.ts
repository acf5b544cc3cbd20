import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Labels } from '#libs/labels';
import { LogQueryEngine, MemoryLogSource, parseLogql, parseLogSelector } from './index.ts';

/**
 * Cases are scripts: `stream {…}` is followed by its lines (`TIME [name=value …] | text`), `logs QUERY` by the lines that
 * come out (`TIME {labels} | text`), `at TIME QUERY` by the elements of the vector (`{labels} value`) or a number, `fails
 * QUERY` by a part of the message, `clear` forgets the streams. What is indented belongs to the line above.
 */
interface Command {
  readonly line: number;
  readonly head: string;
  readonly body: readonly string[];
}

const folder = join(import.meta.dirname, '..', 'testdata');

function commandsOf(text: string): Command[] {
  const commands: { line: number; head: string; body: string[] }[] = [];
  text.split('\n').forEach((raw, i) => {
    if (raw.trim() === '' || raw.startsWith('#')) return;
    if (!raw.startsWith('  ')) commands.push({ line: i + 1, head: raw.trim(), body: [] });
    else commands.at(-1)!.body.push(raw.slice(2));
  });
  return commands;
}

const toNs = (seconds: string): bigint =>
  BigInt(Math.round(Number.parseFloat(seconds) * 1000)) * 1_000_000n;

function labelsOf(selector: string): Labels {
  const matchers = parseLogSelector(selector);
  return Labels.fromPairs(matchers.map(({ name, value }): [string, string] => [name, value]));
}

function addStream(source: MemoryLogSource, { head, body }: Command): void {
  const lines = body.map((each) => {
    const [, time = '', metadata = '', line = ''] =
      /^(\S+)((?: \S+=\S+)*) \| (.*)$/.exec(each) ?? [];
    const pairs = metadata.trim() === '' ? [] : metadata.trim().split(' ');
    const entries = pairs.map((pair): [string, string] => [
      pair.slice(0, pair.indexOf('=')),
      pair.slice(pair.indexOf('=') + 1),
    ]);
    const text = line.replaceAll(String.raw`\e`, '\u001b');
    return {
      timeNs: toNs(time),
      line: text,
      ...(entries.length > 0 ? { metadata: new Map(entries) } : {}),
    };
  });
  source.add(labelsOf(head.slice('stream '.length)), lines);
}

function engineOver(source: MemoryLogSource): LogQueryEngine {
  return new LogQueryEngine({
    source,
    limits: {
      maxScannedBytes: 10_000_000,
      maxSeries: 100,
      maxCells: 1_000_000,
      maxResultBytes: 1_000_000,
    },
    nowMs: () => 1_700_000_000_000,
    createPause: () => () => null,
  });
}

async function logsOf(engine: LogQueryEngine, query: string): Promise<string[]> {
  const expr = parseLogql(query);
  if (expr.kind !== 'log') throw new Error('not a log query');
  const range = {
    startNs: 0n,
    endNs: toNs('100000'),
    direction: 'forward',
    limit: 1000,
    intervalNs: 0n,
  } as const;
  const { value } = await engine.logs(expr, range);
  return value.map(
    ({ timeNs, labels, line }) => `${Number(timeNs) / 1e9}s ${labels.toString()} | ${line}`,
  );
}

async function vectorOf(engine: LogQueryEngine, query: string, timeMs: number): Promise<string[]> {
  const expr = parseLogql(query);
  if (expr.kind === 'log') throw new Error('not a metric query');
  const { value } = await engine.instant(expr, timeMs);
  if (value.kind === 'scalar') return [String(value.value)];
  if (value.kind !== 'vector') throw new Error(`a ${value.kind}`);
  return value.labels.map(
    (labels, i) => `${labels.toString()} ${Number(value.values[i]!.toPrecision(12))}`,
  );
}

/** What a command gives; of a failure, what is expected of its message if that is in it. */
async function outcomeOf(source: MemoryLogSource, { head, body }: Command): Promise<string[]> {
  const engine = engineOver(source);
  const [verb = '', ...words] = head.split(' ');
  switch (verb) {
    case 'logs':
      return logsOf(engine, words.join(' '));
    case 'at': {
      const [time = '', ...query] = words;
      return vectorOf(engine, query.join(' '), Number.parseFloat(time) * 1000);
    }
    case 'fails': {
      const query = words.join(' ');
      try {
        const isLog = parseLogql(query).kind === 'log';
        return isLog ? await logsOf(engine, query) : await vectorOf(engine, query, 60_000);
      } catch (error) {
        const message = String(error);
        return body.every((part) => message.includes(part)) ? [...body] : [message];
      }
    }
    default:
      throw new Error(`unknown command ${verb}`);
  }
}

/** Vectors have no order but those that are asked for one. */
function inOrder(head: string, lines: readonly string[]): readonly string[] {
  const isUnordered = head.startsWith('at ') && !/^at \S+ (?:topk|bottomk|sort)/.test(head);
  return isUnordered ? lines.toSorted() : lines;
}

for (const file of readdirSync(folder).filter((each) => each.endsWith('.test'))) {
  describe(`testdata/${file}`, () => {
    let source = new MemoryLogSource(3);
    for (const command of commandsOf(readFileSync(join(folder, file), 'utf8'))) {
      const { line, head, body } = command;
      if (head === 'clear') source = new MemoryLogSource(3);
      else if (head.startsWith('stream ')) addStream(source, command);
      else {
        const own = source;
        it(`line ${line}: ${head}`, async () => {
          const outcome = await outcomeOf(own, command);
          expect(inOrder(head, outcome)).toEqual(inOrder(head, body));
        });
      }
    }
  });
}
