import { HttpLogTransport } from './http-log-transport.ts';
import type { HttpLogsConfig } from './http-logs-config.ts';
import { jsonLines, type LogBody, lokiJson, lokiProtobuf, otlpProtobuf } from './log-bodies.ts';
import type { LogChunk } from './log-chunk.ts';
import { createLogOutput, type LogOutputContext } from './create-log-output.ts';
import type { LogOutput } from './log-output.ts';

/** An output over HTTP: Loki, OpenTelemetry, or JSON lines. */
export function createHttpLogsOutput(config: HttpLogsConfig, context: LogOutputContext): LogOutput {
  const transport = new HttpLogTransport({
    poster: {
      url: config.url,
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
  });
  return createLogOutput(`${config.kind}-${config.name}`, transport, config, context);
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
    case 'http':
      return jsonLines;
  }
}
