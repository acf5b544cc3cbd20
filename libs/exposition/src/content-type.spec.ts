import { describe, expect, it } from '@jest/globals';
import { acceptHeader, ContentTypeError, DEFAULT_SCRAPE_PROTOCOLS, selectFormat } from './index.ts';

describe('selectFormat', () => {
  it.each([
    ['text/plain; version=0.0.4; charset=utf-8', 'text'],
    ['TEXT/plain', 'text'],
    ['text/plain;version=99;', 'text'],
    ['application/openmetrics-text; version=1.0.0; charset="utf-8"', 'openmetrics'],
  ])('reads %j as %s', (contentType, format) => {
    expect(selectFormat(contentType, null)).toEqual({ format, warning: null });
  });
  it.each([
    ['', 'sent no Content-Type'],
    ['text/html', 'unsupported Content-Type "text/html"'],
    ['text/plain; version', 'malformed Content-Type'],
    ['text/plain; a=1; a=2', 'malformed Content-Type'],
    ['; text/plain', 'malformed Content-Type'],
  ])('leaves %j to the fallback', (contentType, problem) => {
    expect(() => selectFormat(contentType, null)).toThrow(ContentTypeError);
    expect(() => selectFormat(contentType, null)).toThrow(problem);
    const { format, warning } = selectFormat(contentType, 'OpenMetricsText1.0.0');
    expect(format).toBe('openmetrics');
    expect(warning).toContain(problem);
  });
  it('knows the protobuf exposition, whatever the fallback', () => {
    expect(selectFormat('application/vnd.google.protobuf', 'PrometheusText0.0.4')).toEqual({
      format: 'protobuf',
      warning: null,
    });
    expect(selectFormat('', 'PrometheusProto').format).toBe('protobuf');
  });
});

describe('acceptHeader', () => {
  it('offers what Prometheus 3 offers', () => {
    expect(acceptHeader(DEFAULT_SCRAPE_PROTOCOLS)).toBe(
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,' +
        'application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,' +
        'text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
    );
  });
});
