import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { toSeriesLabels } from './index.ts';

describe('toSeriesLabels', () => {
  it.each([
    ['adds the target', false, { a: '1' }, { a: '1', job: 'j', instance: 'i' }],
    [
      'renames what is in the way',
      false,
      { job: 'x' },
      { exported_job: 'x', job: 'j', instance: 'i' },
    ],
    [
      'renames further where that name is taken as well',
      false,
      { job: 'x', exported_job: 'y' },
      { exported_exported_job: 'x', exported_job: 'y', job: 'j', instance: 'i' },
    ],
    ['lets the body win under honor_labels', true, { job: 'x' }, { job: 'x', instance: 'i' }],
  ])('%s', (_name, honorsLabels, exposed, expected) => {
    const labels = toSeriesLabels(Labels.fromRecord(exposed), {
      targetLabels: Labels.fromRecord({ job: 'j', instance: 'i' }),
      honorsLabels,
      metricRelabelRules: [],
    });
    expect({ ...labels?.toRecord() }).toEqual(expected);
  });
});
