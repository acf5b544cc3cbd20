import { describe, expect, it } from '@jest/globals';
import { LinePipeline, type LinePipelineOptions } from './line-pipeline.ts';
import { TEXT_ENCODINGS, TextTranscoder } from './text-encodings.ts';

/** `あ ERROR \` in Shift JIS, whose second byte of `表` is a backslash. */
const SHIFT_JIS = Buffer.from('82a0204552524f5220955c', 'hex');

function head(tag: string): Buffer {
  return Buffer.from(`2026-03-01T08:00:00Z stdout ${tag} `);
}

function messagesOf(
  options: LinePipelineOptions,
  ...lines: readonly Buffer[]
): readonly { readonly message: string; readonly level: number; readonly isMalformed: number }[] {
  const bytes = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]));
  const ends: number[] = [];
  const starts: number[] = [];
  let at = 0;
  for (const { length } of lines) {
    starts.push(at);
    ends.push(at + length);
    at += length + 1;
  }
  const { records } = new LinePipeline(options).process(
    {
      group: 'g',
      path: '/0.log',
      fileKey: 'f',
      bytes,
      lineCount: lines.length,
      lineStarts: Uint32Array.from(starts),
      lineEnds: Uint32Array.from(ends),
      firstOffset: 0,
      endOffset: bytes.length,
    },
    0,
  );
  return Array.from({ length: records.count }, (_, row) => ({
    message: records.bytesOf(row).toString('utf8', records.starts[row], records.ends[row]),
    level: records.levels[row]!,
    isMalformed: records.isMalformed[row]!,
  }));
}

describe('text in another encoding', () => {
  it.each(TEXT_ENCODINGS)('of %s is ASCII where it is ASCII', (encoding) => {
    const bytes = Buffer.from(Array.from({ length: 95 }, (_, i) => i + 32));
    expect(new TextTranscoder(encoding).toUtf8(bytes, 0, bytes.length)).toBeNull();
    expect(new TextDecoder(encoding).decode(bytes)).toBe(bytes.toString('latin1'));
  });

  it('becomes UTF-8, with its level, and what is ASCII stays where it is', () => {
    const lines = [SHIFT_JIS, Buffer.from('plain')];
    const found = messagesOf({ format: 'raw', encoding: 'shift_jis' }, ...lines);
    expect(found.map(({ message }) => message)).toEqual(['あ ERROR 表', 'plain']);
    expect(found[0]!.level).toBe(messagesOf({ format: 'raw' }, Buffer.from('ERROR x'))[0]!.level);
  });

  it('is understood as JSON only then', () => {
    const line = Buffer.concat([Buffer.from('{"m":"'), SHIFT_JIS, Buffer.from('"}')]);
    expect(messagesOf({ format: 'json', encoding: 'shift_jis' }, line)).toMatchObject([
      { message: '{"m":"あ ERROR 表"}', isMalformed: 0 },
    ]);
    expect(messagesOf({ format: 'json' }, line)).toMatchObject([{ isMalformed: 1 }]);
  });

  it('is put together first where a part ends inside a character', () => {
    const found = messagesOf(
      { format: 'cri', encoding: 'shift_jis' },
      Buffer.concat([head('P'), SHIFT_JIS.subarray(0, 1)]),
      Buffer.concat([head('F'), SHIFT_JIS.subarray(1)]),
    );
    expect(found.map(({ message }) => message)).toEqual(['あ ERROR 表']);
  });
});
