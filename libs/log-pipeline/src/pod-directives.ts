import type { LogStream } from './record-batch.ts';

/** What a pod's annotations ask for one stream of a container; null where they ask for nothing. */
export interface PodDirectives {
  readonly parser: string | null;
  /** Its lines are not to be shipped. */
  readonly isExcluded: boolean | null;
  /** Names of multiline rules, in the order they are tried; `none` is an empty list. */
  readonly multiline: readonly string[] | null;
  /** Lines a second. */
  readonly rateLimit: number | null;
}

const NOTHING: PodDirectives = { parser: null, isExcluded: null, multiline: null, rateLimit: null };
const MAX_RATE = 1_000_000;

/**
 * Reads `binnacle.dev/log-parser`, `log-exclude`, `log-multiline` and `log-rate-limit`, and Fluent Bit's
 * `fluentbit.io/parser` and `fluentbit.io/exclude`. Each may end in `_stdout` or `_stderr`, in `-CONTAINER`, or in both:
 * the one that says most about where it holds counts. What makes no sense is passed over.
 */
export function podDirectivesOf(
  annotations: ReadonlyMap<string, string>,
  container: string,
  stream: LogStream,
): PodDirectives {
  if (annotations.size === 0) return NOTHING;
  const valueOf = (...keys: readonly string[]): string | null => {
    for (const key of keys) {
      for (const suffix of suffixesOf(container, stream)) {
        const value = annotations.get(key + suffix)?.trim() ?? '';
        if (value !== '') return value;
      }
    }
    return null;
  };
  const multiline = valueOf('binnacle.dev/log-multiline');
  const rate = Number(valueOf('binnacle.dev/log-rate-limit') ?? Number.NaN);
  return {
    parser: valueOf('binnacle.dev/log-parser', 'fluentbit.io/parser'),
    isExcluded: flagOf(valueOf('binnacle.dev/log-exclude', 'fluentbit.io/exclude')),
    multiline: multiline === null ? null : listOf(multiline),
    rateLimit: rate > 0 && rate <= MAX_RATE ? rate : null,
  };
}

function suffixesOf(container: string, stream: LogStream): readonly string[] {
  const suffixes: string[] = [];
  if (stream !== '') suffixes.push(`_${stream}-${container}`);
  suffixes.push(`-${container}`);
  if (stream !== '') suffixes.push(`_${stream}`);
  suffixes.push('');
  return suffixes;
}

function flagOf(value: string | null): boolean | null {
  switch (value?.toLowerCase() ?? '') {
    case 'true':
    case 'on':
    case 'yes':
      return true;
    case 'false':
    case 'off':
    case 'no':
      return false;
    default:
      return null;
  }
}

function listOf(value: string): readonly string[] {
  if (value === 'none') return [];
  return value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
