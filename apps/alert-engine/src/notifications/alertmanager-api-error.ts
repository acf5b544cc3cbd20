/**
 * A request that Alertmanager's API refuses. Its handlers answer with a JSON string, its decoder of requests with an object
 * of code and message.
 */
export class AlertmanagerApiError extends Error {
  override readonly name = 'AlertmanagerApiError';
  readonly status: number;
  readonly body: string | { readonly code: number; readonly message: string };

  private constructor(status: number, body: AlertmanagerApiError['body']) {
    super(typeof body === 'string' ? body : body.message);
    this.status = status;
    this.body = body;
  }

  /** Refused by what the request asks for. */
  static refused(status: number, message: string): AlertmanagerApiError {
    return new AlertmanagerApiError(status, message);
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
