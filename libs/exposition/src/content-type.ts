import type { ExpositionFormat } from './exposition-parser.ts';

/** The names by which `scrape_protocols` and `fallback_scrape_protocol` call the formats. */
export type ScrapeProtocol =
  | 'PrometheusProto'
  | 'PrometheusText0.0.4'
  | 'PrometheusText1.0.0'
  | 'OpenMetricsText0.0.1'
  | 'OpenMetricsText1.0.0';

/** A Content-Type that says no format we can read. */
export class ContentTypeError extends Error {
  override readonly name = 'ContentTypeError';
}

/** The format chosen for a body, and what was wrong with its Content-Type where the fallback had to decide. */
export interface FormatSelection {
  readonly format: ExpositionFormat;
  readonly warning: string | null;
}

/** Content types as they are offered and answered, by protocol. */
const OFFERS: Readonly<Record<ScrapeProtocol, string>> = {
  PrometheusProto:
    'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited',
  'PrometheusText0.0.4': 'text/plain;version=0.0.4',
  'PrometheusText1.0.0': 'text/plain;version=1.0.0;escaping=allow-utf-8',
  'OpenMetricsText0.0.1': 'application/openmetrics-text;version=0.0.1',
  'OpenMetricsText1.0.0': 'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8',
};

/** What Prometheus 3 asks for, in its order, unless native histograms are wanted. */
export const DEFAULT_SCRAPE_PROTOCOLS: readonly ScrapeProtocol[] = [
  'OpenMetricsText1.0.0',
  'OpenMetricsText0.0.1',
  'PrometheusText1.0.0',
  'PrometheusText0.0.4',
];

/** What Prometheus 3 asks for where native histograms are wanted, which only the protobuf exposition carries. */
export const NATIVE_SCRAPE_PROTOCOLS: readonly ScrapeProtocol[] = [
  'PrometheusProto',
  ...DEFAULT_SCRAPE_PROTOCOLS,
];

const FORMATS: Readonly<Record<ScrapeProtocol, ExpositionFormat>> = {
  PrometheusProto: 'protobuf',
  'PrometheusText0.0.4': 'text',
  'PrometheusText1.0.0': 'text',
  'OpenMetricsText0.0.1': 'openmetrics',
  'OpenMetricsText1.0.0': 'openmetrics',
};

const ACCEPTED =
  'accepted are text/plain, application/openmetrics-text and application/vnd.google.protobuf';

/**
 * The format a body is to be read in, by the rules of Prometheus 3: the media type decides whatever its parameters say;
 * one that is blank, broken or unknown leaves it to the fallback, and without a fallback fails the scrape.
 * @param contentType the header as it came, empty where there was none
 * @throws ContentTypeError
 */
export function selectFormat(
  contentType: string,
  fallback: ScrapeProtocol | null,
): FormatSelection {
  if (contentType === '') return fallBack('the target sent no Content-Type', fallback);
  const shown = JSON.stringify(
    contentType.length > 120 ? `${contentType.slice(0, 120)}…` : contentType,
  );
  const mediaType = parseMediaType(contentType);
  switch (mediaType) {
    case null:
      return fallBack(`the target sent the malformed Content-Type ${shown}`, fallback);
    case 'text/plain':
      return { format: 'text', warning: null };
    case 'application/openmetrics-text':
      return { format: 'openmetrics', warning: null };
    case 'application/vnd.google.protobuf':
      return { format: 'protobuf', warning: null };
    default:
      return fallBack(`the target sent the unsupported Content-Type ${shown}`, fallback);
  }
}

function fallBack(problem: string, fallback: ScrapeProtocol | null): FormatSelection {
  if (fallback === null) {
    throw new ContentTypeError(
      `${problem} and there is no fallback_scrape_protocol for it; ${ACCEPTED}`,
    );
  }
  return {
    format: FORMATS[fallback],
    warning: `${problem}; read as its fallback_scrape_protocol ${fallback}`,
  };
}

/** The `Accept` header that offers protocols in order of preference, as Prometheus writes it. */
export function acceptHeader(protocols: readonly ScrapeProtocol[]): string {
  // The best of all known protocols would weigh (their number + 1) / 10, whichever are offered.
  let weight = Object.keys(OFFERS).length + 1;
  const offers: string[] = [];
  for (const protocol of protocols) {
    offers.push(`${OFFERS[protocol]};q=0.${weight}`);
    weight--;
  }
  return [...offers, `*/*;q=0.${weight}`].join(',');
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The media type in lower case, or null where Go's `mime.ParseMediaType` refuses the header. */
function parseMediaType(header: string): string | null {
  const end = header.indexOf(';');
  const mediaType = (end < 0 ? header : header.slice(0, end)).trim().toLowerCase();
  const parts = mediaType.split('/');
  if (parts.length > 2 || !parts.every((part) => TOKEN.test(part))) return null;
  return end < 0 || areParameters(header.slice(end)) ? mediaType : null;
}

const PARAMETER =
  /\s*;\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(?:"((?:[^"\\]|\\[\s\S])*)"|([!#$%&'*+\-.^_`|~0-9A-Za-z]+))/y;

function areParameters(text: string): boolean {
  const values = new Map<string, string>();
  let at = 0;
  while (at < text.length) {
    PARAMETER.lastIndex = at;
    const match = PARAMETER.exec(text);
    if (match === null) {
      const rest = text.slice(at).trim();
      return rest === '' || rest === ';';
    }
    const name = match[1]!.toLowerCase();
    const value = match[2] ?? match[3]!;
    if (values.has(name) && values.get(name) !== value) return false;
    values.set(name, value);
    at = PARAMETER.lastIndex;
  }
  return true;
}
