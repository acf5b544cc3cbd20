/**
 * A request that Alertmanager's API refuses. Its handlers answer with a JSON string, its decoder of requests with an object
 * of code and message.
 */
export class AlertmanagerApiError extends Error {
  override readonly name = 'AlertmanagerApiError';
  readonly status: number;
  /** Null where the answer has no body. */
  readonly body: string | { readonly code: number; readonly message: string } | null;

  private constructor(status: number, body: AlertmanagerApiError['body']) {
    super(typeof body === 'string' ? body : (body?.message ?? `status ${status}`));
    this.status = status;
    this.body = body;
  }

  /** Refused by what the request asks for. */
  static refused(status: number, message: string): AlertmanagerApiError {
    return new AlertmanagerApiError(status, message);
  }

  /** Refused without a word. */
  static empty(status: number): AlertmanagerApiError {
    return new AlertmanagerApiError(status, null);
  }

  static unsupportedMediaType(type: string): AlertmanagerApiError {
    const shown = JSON.stringify(type.slice(0, 100));
    const message = `unsupported media type ${shown}, only [application/json] are allowed`;
    return AlertmanagerApiError.malformed(415, message);
  }

  /** Refused by its form. @param code the decoder's own; the status unless told otherwise */
  static malformed(status: number, message: string, code = status): AlertmanagerApiError {
    return new AlertmanagerApiError(status, { code, message });
  }
}

/** @throws AlertmanagerApiError for a body that says to be anything but JSON */
export function checkJson(contentType: string | undefined): void {
  if (!/^application\/json\s*(?:;|$)/i.test(contentType ?? '')) {
    throw AlertmanagerApiError.unsupportedMediaType(contentType ?? '');
  }
}
