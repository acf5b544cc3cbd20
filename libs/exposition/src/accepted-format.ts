import type { WrittenFormat } from './exposition-parser.ts';

/** What a body is to be written as. */
export interface AcceptedFormat {
  readonly format: WrittenFormat;
  /** Whether names outside the classic character set may stay as they are; else they are to be escaped. */
  readonly allowsUtf8: boolean;
  /** The Content-Type of the answer. */
  readonly contentType: string;
}

interface Offer {
  readonly mediaType: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

const TEXT: AcceptedFormat = {
  format: 'text',
  allowsUtf8: false,
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
};
/** Longer headers are nobody's; what is beyond is not looked at. */
const MAX_OFFERS = 32;

/**
 * Chooses how to write a body for whoever asks with this `Accept` header: the best of the text format and OpenMetrics by
 * their weights, the first of equals. Who takes neither gets the text format, as from Prometheus.
 */
export function acceptedFormat(accept: string | undefined): AcceptedFormat {
  let best = TEXT;
  let bestQuality = 0;
  for (const item of (accept ?? '').split(',', MAX_OFFERS)) {
    const offer = parseOffer(item);
    const format = formatOf(offer);
    if (format === null || !(offer.quality > bestQuality)) continue;
    best = format;
    bestQuality = offer.quality;
  }
  return best;
}

function parseOffer(item: string): Offer {
  const [mediaType = '', ...rest] = item.split(';').map((part) => part.trim().toLowerCase());
  const parameters = new Map<string, string>();
  for (const parameter of rest) {
    const [name = '', value = ''] = parameter.split('=', 2).map((part) => part.trim());
    parameters.set(name, value.replaceAll('"', ''));
  }
  const quality = Number(parameters.get('q') ?? 1);
  return { mediaType, parameters, quality };
}

function formatOf({ mediaType, parameters }: Offer): AcceptedFormat | null {
  const version = parameters.get('version') ?? '';
  const allowsUtf8 = parameters.get('escaping') === 'allow-utf-8';
  switch (mediaType) {
    case 'application/openmetrics-text': {
      if (!['', '0.0.1', '1.0.0'].includes(version)) return null;
      const escaping = allowsUtf8 ? 'allow-utf-8' : 'underscores';
      const written = `${mediaType}; version=${version || '1.0.0'}; charset=utf-8; escaping=${escaping}`;
      return { format: 'openmetrics', allowsUtf8, contentType: written };
    }
    case 'text/plain':
      if (!['', '0.0.4', '1.0.0'].includes(version)) return null;
      if (version !== '1.0.0' || !allowsUtf8) return TEXT;
      return {
        format: 'text',
        allowsUtf8,
        contentType: 'text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8',
      };
    case 'text/*':
    case '*/*':
      return TEXT;
    default:
      return null;
  }
}
