import type { IncomingMessage, ServerResponse } from 'node:http';
import type { IngestBudget } from './ingest-budget.ts';
import type { IngestMetrics } from './ingest-metrics.ts';

/** A request that is turned away. */
export interface GateRefusal {
  readonly status: 413 | 415 | 503;
  readonly text: string;
}

export interface GateOptions {
  readonly budget: IngestBudget;
  readonly metrics: IngestMetrics;
  /** Largest body over the wire; also what a body of unknown length counts as. */
  readonly maxBodyBytes: number;
  /** The body of an answer in the form of the protocol. */
  readonly describe: (refusal: GateRefusal) => {
    readonly type: string;
    readonly body: string | Buffer;
  };
}

/**
 * Turns a write request away before a byte of its body is read: of a type that cannot be read, too large, or one too many
 * at a time, which would otherwise all lie in memory together.
 * @param typeProblem why the body cannot be read, by the request's headers, or null
 * @returns whether it may go on
 */
export function passGate(
  request: IncomingMessage,
  response: ServerResponse,
  typeProblem: string | null,
  { budget, metrics, maxBodyBytes, describe }: GateOptions,
): boolean {
  const refuse = (refusal: GateRefusal): false => {
    metrics.refused(refusal.status);
    const { type, body } = describe(refusal);
    response.statusCode = refusal.status;
    response.setHeader('content-type', type);
    // The body that was not read is still on its way.
    response.setHeader('connection', 'close');
    response.end(body);
    return false;
  };
  if (typeProblem !== null) return refuse({ status: 415, text: typeProblem });
  const length = request.headers['content-length'];
  const bytes = length === undefined ? maxBodyBytes : Number(length);
  if (bytes > maxBodyBytes) {
    const text = `the body has ${bytes} bytes; at most ${maxBodyBytes} are accepted`;
    return refuse({ status: 413, text });
  }
  const giveBack = budget.take(bytes);
  if (giveBack === null) {
    response.setHeader('retry-after', '1');
    return refuse({ status: 503, text: 'too many write requests at a time' });
  }
  const end = metrics.begin();
  response.once('close', () => {
    giveBack();
    // A client that hung up was not answered; nginx's number for it.
    end(response.writableFinished ? response.statusCode : 499);
  });
  return true;
}
