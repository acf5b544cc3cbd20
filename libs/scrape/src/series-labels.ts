import { relabel, type RelabelRule, type ScrapeLimits } from '#libs/discovery';
import { isValidUtf8Name, Labels, METRIC_NAME, quoteLabelValue } from '#libs/labels';

/** What decides the labels a series of a target ends up with. */
export interface SeriesLabelOptions {
  /** The target's own labels. */
  readonly targetLabels: Labels;
  readonly honorsLabels: boolean;
  readonly metricRelabelRules: readonly RelabelRule[];
}

const EXPORTED = 'exported_';

/**
 * A series as it is stored: the target's labels added, those of the body that are in their way renamed to `exported_…`
 * (or left in place under `honor_labels`), then `metric_relabel_configs`.
 * @returns null where relabelling drops the series
 */
export function toSeriesLabels(exposed: Labels, options: SeriesLabelOptions): Labels | null {
  const merged = options.honorsLabels
    ? options.targetLabels.merge(exposed)
    : mergeOverExposed(exposed, options.targetLabels);
  const relabelled = relabel(merged, options.metricRelabelRules);
  return relabelled === null || relabelled.size === 0 ? null : relabelled;
}

function mergeOverExposed(exposed: Labels, target: Labels): Labels {
  const merged = exposed.merge(target);
  if (merged.size === exposed.size + target.size) return merged;
  const conflicts = target.filter((name) => exposed.has(name));
  const set = new Map<string, string>(merged);
  // Shorter names first, so that an `exported_job` of the body keeps its name and makes way only where it must.
  for (const [name] of [...conflicts].toSorted((a, b) => a[0].length - b[0].length)) {
    let free = EXPORTED + name;
    while (set.has(free)) free = EXPORTED + free;
    set.set(free, exposed.get(name));
  }
  return Labels.fromPairs(set);
}

/**
 * Why a series fails the whole scrape, or null: a missing or impossible name, or a label limit.
 */
export function seriesComplaint(labels: Labels, limits: ScrapeLimits): SeriesComplaint | null {
  const metric = labels.metricName;
  if (metric === '')
    return { isLimit: false, message: `missing metric name (${METRIC_NAME} label)` };
  const { flat } = labels;
  for (let i = 0; i < flat.length; i += 2) {
    if (isValidUtf8Name(flat[i]!) && flat[i + 1]!.isWellFormed()) continue;
    return { isLimit: false, message: `invalid metric name or label names: ${labels.toString()}` };
  }
  const message = limitComplaint(labels, metric, limits);
  return message === null ? null : { isLimit: true, message };
}

export interface SeriesComplaint {
  readonly isLimit: boolean;
  readonly message: string;
}

function limitComplaint(labels: Labels, metric: string, limits: ScrapeLimits): string | null {
  const of = `metric: ${short(metric)}`;
  if (labels.size > limits.labels) {
    return `label_limit exceeded (${of}, number of labels: ${labels.size}, limit: ${limits.labels})`;
  }
  const { labelNameLength, labelValueLength } = limits;
  if (labelNameLength === Infinity && labelValueLength === Infinity) return null;
  for (const [name, value] of labels) {
    const nameBytes = Buffer.byteLength(name);
    if (nameBytes > labelNameLength) {
      return `label_name_length_limit exceeded (${of}, label name: ${short(name)}, length: ${nameBytes}, limit: ${labelNameLength})`;
    }
    const valueBytes = Buffer.byteLength(value);
    if (valueBytes > labelValueLength) {
      return `label_value_length_limit exceeded (${of}, label name: ${short(name)}, value: ${quoteLabelValue(short(value))}, length: ${valueBytes}, limit: ${labelValueLength})`;
    }
  }
  return null;
}

function short(text: string): string {
  return text.length > 50 ? text.slice(0, 50).toWellFormed() : text;
}
