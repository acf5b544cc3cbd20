import {
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Ends tracing, sending what is left; within a second, whether or not somebody takes it. */
export type StopTracing = () => Promise<void>;

/** The SDK alone would wait for its exporter's timeout, ten seconds: as long as a whole stop may take. */
const FLUSH_MS = 1_000;

/**
 * Starts the OpenTelemetry SDK where `OTEL_EXPORTER_OTLP_ENDPOINT` (or the traces-only variable) is set, and does nothing
 * otherwise: the SDK is not even loaded then. All its standard variables apply.
 */
export async function startTracing(
  serviceName: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<StopTracing> {
  const endpoint =
    env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] ?? '';
  if (endpoint === '') return async () => {};
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({
    serviceName: env['OTEL_SERVICE_NAME'] ?? serviceName,
    instrumentations: [],
  });
  sdk.start();
  return () => {
    const timeUp = new Promise<void>((resolve) => {
      setTimeout(resolve, FLUSH_MS).unref();
    });
    return Promise.race([sdk.shutdown(), timeUp]);
  };
}

const tracer = trace.getTracer('binnacle');

/** Runs `body` inside a span; a failure is recorded and thrown on. Costs next to nothing while tracing is off. */
export async function withSpan<T>(
  name: string,
  attributes: Readonly<Record<string, string | number | boolean>>,
  body: () => Promise<T>,
): Promise<T> {
  return tracer.startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await body();
    } catch (error) {
      span.setStatus({
        code: SpanStatusCode.ERROR,
        message: error instanceof Error ? error.message : String(error),
      });
      throw error;
    } finally {
      span.end();
    }
  });
}

const QUIET_PATHS = new Set(['/metrics', '/livez', '/readyz', '/-/healthy', '/-/ready']);

/** A server span for each request but those of probes and scrapes, continuing the caller's trace. */
export function traceRequests(fastify: FastifyInstance): void {
  const spans = new WeakMap<FastifyRequest, Span>();
  fastify.addHook('onRequest', (request, _reply, done) => {
    const path = request.url.split('?', 1)[0]!;
    if (!QUIET_PATHS.has(path)) {
      const parent = propagation.extract(context.active(), request.headers);
      const span = tracer.startSpan(
        `${request.method} ${request.routeOptions.url ?? path}`,
        {
          kind: SpanKind.SERVER,
          attributes: { 'http.request.method': request.method, 'url.path': path },
        },
        parent,
      );
      spans.set(request, span);
    }
    done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const span = spans.get(request);
    if (span !== undefined) {
      span.setAttribute('http.response.status_code', reply.statusCode);
      if (reply.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    }
    done();
  });
}
