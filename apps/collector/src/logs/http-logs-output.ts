import type { Environment } from '../config/collector-config.ts';
import { BULK_FILTER, bulkLines, judgeBulk } from './bulk-body.ts';
import { EngineBody } from './engine-body.ts';
import { HttpLogTransport, type RequestSigner } from './http-log-transport.ts';
import type { HttpLogsConfig } from './http-logs-config.ts';
import { jsonLines, type LogBody, lokiJson, lokiProtobuf, otlpProtobuf } from './log-bodies.ts';
import type { LogChunk } from './log-chunk.ts';
import { sigv4Signer } from '../outputs/sigv4-signer.ts';
import { createLogOutput, type LogOutputContext } from './create-log-output.ts';
import type { LogTransport } from './log-transport.ts';
import type { LogOutput } from './log-output.ts';

const PUSH_PATH = '/loki/api/v1/push';
/** Each request waits for the engine's disk, so fewer and larger ones are quicker. */
const ENGINE_REQUEST_BYTES = 4 * 1024 * 1024;
/** Results of a request of one megabyte, each of a record. */
const MAX_BULK_ANSWER_BYTES = 16 * 1024 * 1024;

/** An output over HTTP: the engine, Loki, OpenTelemetry, OpenSearch, or JSON lines. */
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
  const maxRequestBytes = config.kind === 'engine' ? ENGINE_REQUEST_BYTES : undefined;
  return createLogOutput(
    `${config.kind}-${config.name}`,
    transport,
    config,
    context,
    maxRequestBytes,
  );
}

function signerOf(
  config: HttpLogsConfig,
  { baseDir, userAgent }: Pick<LogOutputContext, 'baseDir' | 'userAgent'>,
  environment: Environment,
): RequestSigner | undefined {
  if (config.kind !== 'opensearch' || config.sigv4 === undefined) return undefined;
  const { sigv4: keys } = config;
  const { service } = keys;
  const url = urlOf(config);
  const sign = sigv4Signer({ url, service, keys, baseDir, userAgent, environment });
  return ({ headers, body }, nowMs) => {
    const given = headers.find(([name]) => name.toLowerCase() === 'content-type');
    return sign({ body, contentType: given?.[1] ?? '' }, nowMs);
  };
}

/** The way to its receiver. */
export function createHttpTransport(
  config: HttpLogsConfig,
  context: Pick<LogOutputContext, 'baseDir' | 'userAgent'>,
  environment: Environment = process.env,
): LogTransport {
  return new HttpLogTransport({
    poster: {
      url: urlOf(config),
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
    sign: signerOf(config, context, environment),
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
    case 'engine': {
      const body = new EngineBody({ labels: config.labels, labelFields: config.label_fields });
      return (chunks) => body.of(chunks);
    }
    case 'otlp':
      return (chunks) => otlpProtobuf(chunks, config.resource);
    case 'opensearch':
      return (chunks) => bulkLines(chunks, config.index);
    case 'http':
      return jsonLines;
  }
}

function urlOf({ kind, url }: HttpLogsConfig): string {
  if (kind === 'opensearch') return bulkUrl(url);
  return kind === 'engine' ? pushUrl(url) : url;
}

/** Where an engine takes lines, given where it is. */
function pushUrl(base: string): string {
  const url = new URL(base);
  const path = url.pathname.replace(/\/+$/, '');
  if (!path.endsWith(PUSH_PATH)) url.pathname = path + PUSH_PATH;
  return url.href;
}

/** Where a server takes bulk requests, given where it is. */
function bulkUrl(base: string): string {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/_bulk`;
  const filter = new URLSearchParams(BULK_FILTER);
  for (const [name, value] of filter) url.searchParams.set(name, value);
  return url.href;
}
