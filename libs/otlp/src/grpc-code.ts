const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const RESOURCE_EXHAUSTED = 8;
const INTERNAL = 13;
const UNAVAILABLE = 14;

/** The code of gRPC that says the same as a status of HTTP, for `google.rpc.Status`. */
export function grpcCodeOf(status: number): number {
  if (status === 404) return NOT_FOUND;
  if (status === 413) return RESOURCE_EXHAUSTED;
  if (status === 503) return UNAVAILABLE;
  return status < 500 ? INVALID_ARGUMENT : INTERNAL;
}
