import { DurationSyntaxError, formatDurationMs, parseDurationMs } from '#libs/labels';

/**
 * What an alert becomes whose data is missing because the targets it came from are down or gone:
 * - `resolve`: it ends, as in Prometheus;
 * - `keep`: it stays as it was, pending or firing;
 * - `unknown`: it stays as it was, and says since when nothing is known (annotation `no_data`);
 * - `alert`: missing data counts as the condition holding, and a rule that finds no data at all gives an alert of its own.
 */
type NoDataKind = 'resolve' | 'keep' | 'unknown' | 'alert';

export interface NoDataPolicy {
  readonly kind: NoDataKind;
  /** After this long the alert ends all the same; null for never. */
  readonly forMs: number | null;
}

/** What a rule says beyond Prometheus's fields, in annotations whose names begin with `binnacle_`. */
export interface RuleExtensions {
  readonly noData: NoDataPolicy;
  /** Whether the rule is evaluated as soon as its data changes; null where it does not say. */
  readonly isReactive: boolean | null;
}

export const NO_EXTENSIONS: RuleExtensions = {
  noData: { kind: 'resolve', forMs: null },
  isReactive: null,
};

/** Annotations that are for Binnacle and are not sent on begin with this. */
export const EXTENSION_PREFIX = 'binnacle_';

const NO_DATA = 'binnacle_no_data';
const REACTIVE = 'binnacle_reactive';
const KINDS: readonly NoDataKind[] = ['resolve', 'keep', 'unknown', 'alert'];

/** An annotation for Binnacle that says nothing it knows; the message names what is accepted. */
export class RuleExtensionError extends Error {
  override readonly name = 'RuleExtensionError';
  readonly annotation: string;
  constructor(annotation: string, message: string) {
    super(message);
    this.annotation = annotation;
  }
}

/**
 * Reads the annotations that are for Binnacle.
 * @param annotations those whose names begin with {@link EXTENSION_PREFIX}
 * @throws RuleExtensionError
 */
export function readRuleExtensions(
  annotations: readonly (readonly [string, string])[],
): RuleExtensions {
  let { noData, isReactive } = NO_EXTENSIONS;
  for (const [name, text] of annotations) {
    switch (name) {
      case NO_DATA:
        noData = parseNoData(text);
        break;
      case REACTIVE:
        isReactive = parseReactive(text);
        break;
      default:
        throw new RuleExtensionError(
          name,
          `unknown annotation ${JSON.stringify(name)}; of those that begin with ${EXTENSION_PREFIX}, accepted are ${NO_DATA}, ${REACTIVE}`,
        );
    }
  }
  return { noData, isReactive };
}

function parseNoData(text: string): NoDataPolicy {
  const [word = '', joint, duration, ...rest] = text.trim().split(/\s+/);
  const kind = KINDS.find((each) => each === word);
  const refused = new RuleExtensionError(
    NO_DATA,
    `${NO_DATA}: ${JSON.stringify(text)} is not one of ${KINDS.join(', ')}; keep and unknown may have a time as in "keep for 2h"`,
  );
  if (kind === undefined || rest.length > 0) throw refused;
  if (joint === undefined) return { kind, forMs: null };
  const isHeld = kind === 'keep' || kind === 'unknown';
  if (joint !== 'for' || duration === undefined || !isHeld) throw refused;
  try {
    return { kind, forMs: parseDurationMs(duration) };
  } catch (error) {
    if (!(error instanceof DurationSyntaxError)) throw error;
    throw refused;
  }
}

function parseReactive(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new RuleExtensionError(
    REACTIVE,
    `${REACTIVE}: ${JSON.stringify(text)} is neither "true" nor "false"`,
  );
}

/** A policy as it is written in a rule. */
export function printNoData({ kind, forMs }: NoDataPolicy): string {
  return forMs === null ? kind : `${kind} for ${formatDurationMs(forMs)}`;
}
