/** The body of an answer that succeeded, as Prometheus and Loki have it. */
export function success(data: unknown): object {
  return { status: 'success', data };
}
