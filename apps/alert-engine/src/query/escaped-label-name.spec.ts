import { describe, expect, it } from '@jest/globals';
import { unescapeLabelName } from './escaped-label-name.ts';

describe('unescapeLabelName', () => {
  it.each([
    ['job', 'job'],
    ['U__my_2e_label', 'my.label'],
    ['U__a__b', 'a_b'],
    ['U___e4_', 'ä'],
    ['U__x_1f600_', 'x😀'],
    ['U__', ''],
  ])('reads %s as %s', (escaped, name) => {
    expect(unescapeLabelName(escaped)).toBe(name);
  });

  it.each(['U__a_', 'U__a_zz_', 'U__a_d800_', 'U__a_110000_', 'U__a_2e'])(
    'leaves %s alone, which is not sound',
    (escaped) => {
      expect(unescapeLabelName(escaped)).toBe(escaped);
    },
  );
});
