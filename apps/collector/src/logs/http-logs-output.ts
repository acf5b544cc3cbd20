import { BULK_FILTER, bulkLines, judgeBulk } from './bulk-body.ts';
import { HttpLogTransport } from './http-log-transport.ts';
import type { HttpLogsConfig } from './http-logs-config.ts';
import { jsonLines, type LogBody, lokiJson, lokiProtobuf, otlpProtobuf } from './log-bodies.ts';
import type { LogChunk } from './log-chunk.ts';
import { createLogOutput, type LogOutputContext } from './create-log-output.ts';
import type { LogTransport } from './log-transport.ts';
import type { LogOutput } from './log-output.ts';

/** Results of a request of one megabyte, each of a record. */
const MAX_BULK_ANSWER_BYTES = 16 * 1024 * 1024;

/** An output over HTTP: Loki, OpenTelemetry, OpenSearch, or JSON lines. */
export function createHttpLogsOutput(config: HttpLogsConfig, context: LogOutputContext): LogOutput {
  const direct = createHttpTransport(config, context);
  const transport: LogTransport = {
    concurrency: direct.concurrency,
    deliver: async (chunks) => {
      await context.uplinks.turn(config.url);
      return direct.deliver(chunks);
    },
    close: () => direct.close(),
  };
  return createLogOutput(`${config.kind}-${config.name}`, transport, config, context);
}

/** The way to its receiver. */
export function createHttpTransport(
  config: HttpLogsConfig,
  context: Pick<LogOutputContext, 'baseDir' | 'userAgent'>,
): LogTransport {
  return new HttpLogTransport({
    poster: {
      url: config.kind === 'opensearch' ? bulkUrl(config.url) : config.url,
      http: config.http,
      baseDir: context.baseDir,
      userAgent: context.userAgent,
    },
    timeoutMs: config.timeout,
    headers:
      config.kind === 'loki' && config.tenant_id !== undefined
        ? [['x-scope-orgid', config.tenant_id]]
        : [],
    bodyOf: bodyMaker(config),
    ...(config.kind === 'opensearch' && {
      judge: judgeBulk,
      maxAnswerBytes: MAX_BULK_ANSWER_BYTES,
    }),
  });
}

function bodyMaker(config: HttpLogsConfig): (chunks: readonly LogChunk[]) => LogBody {
  switch (config.kind) {
    case 'loki': {
      const options = { labels: config.labels, labelFields: config.label_fields };
      return config.format === 'json'
        ? (chunks) => lokiJson(chunks, options)
        : (chunks) => lokiProtobuf(chunks, options);
    }
    case 'otlp':
      return (chunks) => otlpProtobuf(chunks, config.resource);
    case 'opensearch':
      return (chunks) => bulkLines(chunks, config.index);
    case 'http':
      return jsonLines;
  }
}

/** Where a server takes bulk requests, given where it is. */
function bulkUrl(base: string): string {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/_bulk`;
  const filter = new URLSearchParams(BULK_FILTER);
  for (const [name, value] of filter) url.searchParams.set(name, value);
  return url.href;
}
