import type { Labels } from '#libs/labels';
import type { Exemplar, ExemplarVerdict } from './exemplar-ring.ts';
import type { MetadataVerdict, MetricMetadata } from './metric-metadata.ts';

/** An exemplar and whose it is. */
export interface SeriesExemplar extends Exemplar {
  readonly series: Labels;
}

/** What a metric family is, as a sender tells it. */
export interface FamilyMetadata extends MetricMetadata {
  readonly family: string;
}

/** What a request brings beside its samples. */
export interface BatchExtras {
  readonly exemplars: readonly SeriesExemplar[];
  readonly metadata: readonly FamilyMetadata[];
}

/** What became of a batch's extras; `added` and `repeated` ones are kept. */
export interface ExtrasResult {
  readonly exemplars: Readonly<Record<ExemplarVerdict, number>>;
  readonly metadata: Readonly<Record<MetadataVerdict, number>>;
}

export const NO_EXTRAS: BatchExtras = { exemplars: [], metadata: [] };

/** A result in which nothing has been counted yet. */
export function noExtrasCounted(): {
  exemplars: Record<ExemplarVerdict, number>;
  metadata: Record<MetadataVerdict, number>;
} {
  return {
    exemplars: { added: 0, repeated: 0, out_of_order: 0, labels_too_long: 0, disabled: 0 },
    metadata: { added: 0, repeated: 0, too_long: 0 },
  };
}
