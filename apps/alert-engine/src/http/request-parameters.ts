import type { FastifyRequest } from 'fastify';

/** Parameters of a request: those of a form in its body, and those in its URL. */
export class RequestParameters {
  readonly #body: URLSearchParams;
  readonly #url: URLSearchParams;

  constructor(url: URLSearchParams, body: URLSearchParams) {
    this.#url = url;
    this.#body = body;
  }

  /** The first value, the body's before the URL's, or the empty string. */
  get(name: string): string {
    return this.#body.get(name) ?? this.#url.get(name) ?? '';
  }

  /** All values, the body's before the URL's. */
  all(name: string): string[] {
    return [...this.#body.getAll(name), ...this.#url.getAll(name)];
  }
}

/** What a request has in its URL, and in the form in its body if it has one. */
export function sentParameters(request: FastifyRequest): {
  readonly url: URLSearchParams;
  readonly body: URLSearchParams;
} {
  const { searchParams } = new URL(request.raw.url ?? '/', 'http://localhost');
  const body = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
  return { url: searchParams, body };
}
