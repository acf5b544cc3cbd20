import type { IncomingMessage } from 'node:http';
import type { OtlpForm } from '#libs/otlp';

const forms = new WeakMap<IncomingMessage, OtlpForm>();

/**
 * Keeps how a request is written for whoever answers it, and has its body read as bytes: the server would parse JSON
 * itself, without this protocol's bounds and errors.
 */
export function readAsBytes(request: IncomingMessage, form: OtlpForm): void {
  forms.set(request, form);
  request.headers['content-type'] = 'application/octet-stream';
}

/** How a request is written that {@link readAsBytes} has seen. */
export function keptFormOf(request: IncomingMessage): OtlpForm | null {
  return forms.get(request) ?? null;
}
