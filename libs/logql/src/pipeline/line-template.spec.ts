import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { Line } from './line.ts';
import { LineTemplate } from './line-template.ts';

function lineWith(labels: Record<string, string>): Line {
  const line = new Line();
  const bytes = Buffer.from('text');
  const batch = {
    stream: { id: 0, labels: Labels.fromRecord(labels) },
    count: 1,
    timesNs: new BigInt64Array(1),
    bytes,
    starts: Uint32Array.of(0),
    ends: Uint32Array.of(bytes.length),
    metadataOf: () => null,
  };
  line.reset(batch, 0);
  return line;
}

describe('a template of labels alone', () => {
  it('puts them together', () => {
    const line = lineWith({ app: 'web', pod: 'p' });
    expect(new LineTemplate('{{.app}}/{{ .pod }}{{.none}}', 0).render(line)).toBe('web/p');
  });
  it('fails where more comes of it than a line may have', () => {
    const line = lineWith({ app: 'x'.repeat(2_000) });
    expect(new LineTemplate('{{.app}}'.repeat(200), 0).render(line)).toBeNull();
    expect(line.labels.error).toBe('TemplateFormatErr');
  });
});
