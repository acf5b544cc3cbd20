import { addAddressMetrics, addTlsMetrics } from './common-metrics.ts';
import {
  ProbeFailureError,
  type TcpProbeConnection,
  type TcpProbeTransport,
  type TlsObservation,
} from './observations.ts';
import { type ProbeFailure, ProbeMetrics, type ProbeVerdict } from './probe-verdict.ts';
import type { TcpProbeModule, TcpStep } from './tcp-module.ts';

/** What a TCP probe saw. */
export interface TcpProbeObservation {
  readonly address: Parameters<typeof addAddressMetrics>[1];
  readonly resolveSeconds: number;
  readonly isConnected: boolean;
  readonly tls: TlsObservation | null;
  readonly failedRegex: boolean;
  /** Labels of `probe_expect_info`, one set for each step that has some. */
  readonly expectations: readonly Readonly<Record<string, string>>[];
  readonly failure: ProbeFailure | null;
}

/** How many lines are read before an expected one must have come. */
const MAX_LINES = 10_000;

/**
 * Connects and has the conversation the module describes.
 * @param target `host:port`, an IPv6 address in brackets
 */
export async function observeTcp(
  module: TcpProbeModule,
  target: string,
  transport: TcpProbeTransport,
  options: { readonly signal: AbortSignal; readonly dialIp?: string | null },
): Promise<TcpProbeObservation> {
  const address = parseTcpTarget(target);
  if (address === null) {
    const message = 'the target is no host:port';
    return unconnected({ code: 'configuration', message });
  }
  const result = await transport.connect({
    ...address,
    isTls: module.isTls,
    preferredFamily: module.preferredFamily,
    hasFamilyFallback: module.hasFamilyFallback,
    sourceIp: module.sourceIp,
    dialIp: options.dialIp ?? null,
    signal: options.signal,
  });
  const { connection } = result;
  const reached = { address: result.address, resolveSeconds: result.resolveSeconds };
  if (connection === null) return { ...unconnected(result.failure), ...reached };
  const conversation = new Conversation(connection);
  let failure: ProbeFailure | null = null;
  try {
    for (const step of module.steps) {
      failure = await conversation.take(step);
      if (failure !== null) break;
    }
  } catch (error) {
    if (!(error instanceof ProbeFailureError)) throw error;
    failure = error.failure;
  } finally {
    connection.close();
  }
  return {
    ...reached,
    isConnected: true,
    tls: connection.tls,
    failedRegex: conversation.hasFailedRegex,
    expectations: conversation.expectations,
    failure,
  };
}

function unconnected(failure: ProbeFailure | null): TcpProbeObservation {
  return {
    address: null,
    resolveSeconds: 0,
    isConnected: false,
    tls: null,
    failedRegex: false,
    expectations: [],
    failure,
  };
}

class Conversation {
  readonly #connection: TcpProbeConnection;
  readonly expectations: Record<string, string>[] = [];
  hasFailedRegex = false;

  constructor(connection: TcpProbeConnection) {
    this.#connection = connection;
  }

  async take(step: TcpStep): Promise<ProbeFailure | null> {
    let { send } = step;
    if (step.expect !== null) {
      const line = await this.#readUntil(step.expect);
      if (line === null) {
        this.hasFailedRegex = true;
        const message = `the other side ended without a line that matches ${step.expect.pattern}`;
        return { code: 'response', message };
      }
      send = step.expect.expand(line, send) ?? '';
      if (step.labels.length > 0) this.expectations.push(labelsOf(step, line));
    }
    if (send !== '') await this.#connection.write(`${send}\n`);
    if (step.startsTls) await this.#connection.startTls();
    return null;
  }

  async #readUntil(pattern: NonNullable<TcpStep['expect']>): Promise<string | null> {
    for (let lines = 0; lines < MAX_LINES; lines++) {
      const line = await this.#connection.readLine();
      if (line === null) return null;
      if (pattern.test(line)) return line;
    }
    return null;
  }
}

function labelsOf(step: TcpStep, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const { name, template } of step.labels) {
    labels[name] = step.expect?.expand(line, template) ?? '';
  }
  return labels;
}

/** What a probe came to, under blackbox_exporter's names. */
export function judgeTcp(observation: TcpProbeObservation, durationSeconds: number): ProbeVerdict {
  const metrics = new ProbeMetrics();
  addAddressMetrics(metrics, observation.address, observation.resolveSeconds);
  if (observation.isConnected) {
    metrics.set('probe_failed_due_to_regex', observation.failedRegex ? 1 : 0);
  }
  for (const labels of observation.expectations) metrics.set('probe_expect_info', 1, labels);
  if (observation.tls !== null) addTlsMetrics(metrics, observation.tls);
  return metrics.verdict(observation.failure, durationSeconds);
}

/** Reads `host:port` or `[v6]:port`, or gives null. */
export function parseTcpTarget(target: string): { host: string; port: number } | null {
  const match = /^(?:tcp:\/\/)?(?:\[([0-9a-fA-F:.%\w]+)\]|([^:[\]/?#@\s]+)):(\d{1,5})$/.exec(
    target,
  );
  if (match === null) return null;
  const port = Number(match[3]);
  if (port === 0 || port > 65_535) return null;
  return { host: match[1] ?? match[2]!, port };
}
