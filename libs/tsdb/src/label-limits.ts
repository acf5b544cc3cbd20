import { isValidUtf8Name, type Labels, METRIC_NAME } from '#libs/labels';
import type { RejectReason } from './append-result.ts';
import type { HeadOptions } from './head-options.ts';

/** Why a label set is not taken as a new series, or null if it is. */
export function labelProblem(labels: Labels, options: HeadOptions): RejectReason | null {
  const { flat } = labels;
  if (flat.length === 0) return 'invalid_labels';
  if (flat.length / 2 > options.maxLabelsPerSeries) return 'label_count_limit';
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i]!;
    const value = flat[i + 1]!;
    if (!isValidUtf8Name(name) || !value.isWellFormed()) return 'invalid_labels';
    if (exceedsBytes(name, options.maxLabelNameBytes)) return 'label_name_too_long';
    if (exceedsBytes(value, options.maxLabelValueBytes)) return 'label_value_too_long';
  }
  return labels.get(METRIC_NAME) === '' ? 'invalid_labels' : null;
}

function exceedsBytes(text: string, limit: number): boolean {
  // A UTF-16 unit takes one to three bytes, so most texts are decided by their length.
  if (text.length * 3 <= limit) return false;
  return text.length > limit || Buffer.byteLength(text) > limit;
}
