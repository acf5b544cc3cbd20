import type { Matcher } from '#libs/labels';
import {
  ChunkedAnswerReader,
  encodeReadRequest,
  type ReadChunkedSeries,
  RemoteReadError,
} from '#libs/remote-read';
import { engineAddress } from './engine-address.ts';
import { EngineRequestError } from './engine-client.ts';

const STREAMED = 'application/x-streamed-protobuf';
const MAX_SHOWN = 500;

/**
 * Reads series from whoever answers Prometheus remote read with streamed chunks, as they come: series sorted by labels, one
 * of them perhaps in several parts. Chunks may reach beyond the time asked for.
 * @throws EngineRequestError
 */
export async function* readChunks(
  engineUrl: string,
  query: {
    readonly startMs: number;
    readonly endMs: number;
    readonly matchers: readonly Matcher[];
  },
): AsyncGenerator<ReadChunkedSeries, void, undefined> {
  const { url, headers } = engineAddress(engineUrl, 'api/v1/read');
  const body = encodeReadRequest({ queries: [query], accepted: ['STREAMED_XOR_CHUNKS'] });
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'error',
      headers: {
        ...headers,
        'content-type': 'application/x-protobuf',
        'content-encoding': 'snappy',
        'x-prometheus-remote-read-version': '0.1.0',
        'user-agent': 'binnacle',
      },
      body: new Uint8Array(body),
    });
    const type = response.headers.get('content-type') ?? '';
    if (!response.ok || !type.startsWith(STREAMED) || response.body === null) {
      const text = (await response.text()).trim().slice(0, MAX_SHOWN);
      throw new EngineRequestError(
        response.ok
          ? `${url.origin} does not stream what it is asked to read, but answers with ${type}`
          : `the engine answered ${response.status}: ${text}`,
      );
    }
    const reader = new ChunkedAnswerReader();
    for await (const part of response.body) yield* reader.push(Buffer.from(part));
    reader.end();
  } catch (error) {
    if (error instanceof RemoteReadError) {
      throw new EngineRequestError(`the answer of ${url.origin} cannot be read: ${error.message}`, {
        cause: error,
      });
    }
    // What fetch throws, at the beginning or in the middle.
    if (!(error instanceof TypeError)) throw error;
    throw new EngineRequestError(
      `no answer from the engine at ${url.origin}, or not all of it: ${reasonOf(error)}`,
      { cause: error },
    );
  }
}

function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error ? cause.message : message;
}
