import { describe, expect, it } from '@jest/globals';
import { acceptedFormat } from './accepted-format.ts';
import { acceptHeader, DEFAULT_SCRAPE_PROTOCOLS } from './content-type.ts';

const TEXT = 'text/plain; version=0.0.4; charset=utf-8';
const UTF8_TEXT = 'text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8';
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=';

describe('acceptedFormat', () => {
  it.each([
    ['nothing', undefined, TEXT],
    ['whatever there is', '*/*', TEXT],
    ['a browser', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', TEXT],
    ['only what we do not have', 'application/json', TEXT],
    ['Prometheus 3', acceptHeader(DEFAULT_SCRAPE_PROTOCOLS), `${OPEN_METRICS}allow-utf-8`],
    [
      'Prometheus 2',
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      `${OPEN_METRICS}underscores`,
    ],
    ['text rather than OpenMetrics', 'application/openmetrics-text;q=0.2,text/plain;q=0.3', TEXT],
    ['the text format with any names', 'text/plain;version=1.0.0;escaping=allow-utf-8', UTF8_TEXT],
    ['the text format of 1.0.0', 'text/plain;version=1.0.0;escaping=underscores', TEXT],
    ['an OpenMetrics to come', 'application/openmetrics-text;version=2.0.0', TEXT],
    ['no OpenMetrics', 'application/openmetrics-text;q=0,*/*;q=0.1', TEXT],
    ['a weight that is none', 'application/openmetrics-text;q=high', TEXT],
    ['protobuf first', 'application/vnd.google.protobuf;q=1,text/plain;q=0.5', TEXT],
    [
      'the older OpenMetrics',
      'Application/OpenMetrics-Text; Version="0.0.1"',
      'application/openmetrics-text; version=0.0.1; charset=utf-8; escaping=underscores',
    ],
  ])('answers %s', (_, accept, contentType) => {
    expect(acceptedFormat(accept).contentType).toBe(contentType);
  });
});
