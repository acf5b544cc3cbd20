import type { FastifyReply, FastifyRequest } from 'fastify';
import { assert } from '#libs/invariant';
import {
  encodeExportAnswer,
  encodeStatus,
  grpcCodeOf,
  mediaTypeOf,
  type OtlpForm,
} from '#libs/otlp';
import { keptFormOf } from './otlp-form.ts';

/** The answer to an export request. */
export interface OtlpReply {
  readonly status: number;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** Who takes export requests of one kind. */
interface Receiver {
  receive(body: Buffer, form: OtlpForm): Promise<OtlpReply>;
}

/** Answers a request that came through the gate for OTLP. */
export async function answerExport(
  receiver: Receiver,
  body: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const form = keptFormOf(request.raw);
  assert(form !== null, 'a request that did not come through the gate');
  // An empty message of protocol buffers has no bytes at all.
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  const { status, body: answer, headers } = await receiver.receive(bytes, form);
  void reply.code(status).headers(headers).send(answer);
}

/** An answer to a request of which all was taken, or all but what can never be. */
export function acceptedReply(
  { encoding }: OtlpForm,
  signal: 'metrics' | 'logs',
  rejected: number,
  problem: string,
): OtlpReply {
  return {
    status: 200,
    body: encodeExportAnswer(encoding, rejected, problem, signal),
    headers: { 'content-type': mediaTypeOf(encoding) },
  };
}

/** An answer that is no success: `google.rpc.Status` in the request's encoding. */
export function refusedReply(
  { encoding }: Pick<OtlpForm, 'encoding'>,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): OtlpReply {
  return {
    status,
    body: encodeStatus(encoding, grpcCodeOf(status), text),
    headers: { ...headers, 'content-type': mediaTypeOf(encoding) },
  };
}
