import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { WrittenFormat } from '#libs/exposition';
import type { Labels } from '#libs/labels';
import { MetricsTextError, MetricsTextReader } from './metrics-text.ts';

interface Outcome {
  readonly samples: readonly string[];
  readonly failure: string | null;
  readonly drains: number;
}

/** Reads a text that comes in parts. */
async function read(
  format: WrittenFormat,
  text: string,
  { partBytes = 1_000_000, pieceBytes = 1_000_000 } = {},
): Promise<Outcome> {
  const samples: string[] = [];
  let drains = 0;
  const sink = {
    add(labels: Labels, timeMs: number, values: Float64Array, line: () => number): boolean {
      samples.push(`${line()}: ${labels.toString()} ${values[0]} @${timeMs}`);
      return samples.length % 3 === 0;
    },
    async drain(): Promise<void> {
      drains++;
    },
  };
  const bytes = Buffer.from(text);
  async function* parts(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += partBytes) yield bytes.subarray(at, at + partBytes);
  }
  try {
    await new MetricsTextReader(format, sink, pieceBytes).read(parts());
    return { samples, failure: null, drains };
  } catch (error) {
    if (!(error instanceof MetricsTextError)) throw error;
    return { samples, failure: `${error.line}: ${error.message}`, drains };
  }
}

const TEXT = `# HELP h "quoted
# TYPE h histogram
h_bucket{le="1"} 1 1700000000.001
h_bucket{le="+Inf"} 1 1700000000.999 # {trace="x"} 1
# TYPE s summary
s{quantile="0.50"} 2 1
# TYPE g gauge
g{le="1",a="\\n\\"}"} NaN 2.5
# EOF
`;

describe('MetricsTextReader', () => {
  it('gives samples with their lines, to the millisecond', async () => {
    expect(await read('openmetrics', TEXT)).toEqual({
      failure: null,
      drains: 1,
      samples: [
        '3: h_bucket{le="1.0"} 1 @1700000000001',
        '4: h_bucket{le="+Inf"} 1 @1700000000999',
        '6: s{quantile="0.5"} 2 @1000',
        '8: g{a="\\n\\"}", le="1"} NaN @2500',
      ],
    });
  });

  const line = fc.constantFrom(
    ...TEXT.split('\n').slice(0, 8),
    'x 1 1',
    'x 1 2',
    'x{y="z"} 0.1 1700000000.123',
    '{"quoted name",a="ü"} 1 1',
    'x 1',
    'x{ 1 1',
    'x{a="b} 1 1',
    '# EOF',
    '# comment',
    '',
  );
  it.each<WrittenFormat>(['openmetrics', 'text'])(
    'reads %s the same however it is cut',
    async (format) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(line, { maxLength: 12 }),
          fc.boolean(),
          fc.integer({ min: 1, max: 60 }),
          fc.integer({ min: 20, max: 200 }),
          async (lines, isComplete, partBytes, pieceBytes) => {
            const body = lines.join('\n') + (isComplete ? '\n# EOF\n' : '');
            const text = format === 'text' ? body.replaceAll(/\d{10}\.\d+/g, '17') : body;
            expect(await read(format, text, { partBytes, pieceBytes })).toEqual(
              await read(format, text),
            );
          },
        ),
        { numRuns: 400 },
      );
    },
  );

  it('reads a name in quotes over a cut, newlines and all', async () => {
    const text = 'a 1 1\n{"b\nc\nd"} 2 2\ne 3 3\n# EOF\n';
    const whole = await read('openmetrics', text);
    expect(whole.samples).toHaveLength(3);
    for (let pieceBytes = 8; pieceBytes < text.length; pieceBytes++) {
      expect(await read('openmetrics', text, { partBytes: 4, pieceBytes })).toEqual(whole);
    }
  });

  it.each([
    ['x 1 1\n', '2: the body does not end with "# EOF"'],
    ['x 1\n# EOF\n', '1: the sample has no timestamp'],
    ['x 1 1\n\0\n# EOF\n', '2: a NUL byte'],
    [`x 1 1\n${'y'.repeat(2_000)} 1 1\n# EOF\n`, '2: the line is longer than 1600 bytes'],
  ])('names the line: case %#', async (text, failure) => {
    const outcome = await read('openmetrics', text, { partBytes: 50, pieceBytes: 100 });
    expect(outcome.failure).toBe(failure);
  });
});
