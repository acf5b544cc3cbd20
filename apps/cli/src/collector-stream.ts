import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { engineAddress } from './engine-address.ts';

/** A collector cannot be watched; the message is a sentence for the user. */
export class CollectorStreamError extends Error {
  override readonly name = 'CollectorStreamError';
}

const MAX_LINE_CHARACTERS = 1024 * 1024;
const CONNECT_MS = 10_000;
/** Collectors say something every ten seconds. */
const SILENCE_MS = 45_000;

/**
 * The collectors behind the given URLs: a name with several addresses, as a headless Service has them, is all of them.
 * @throws CollectorStreamError
 */
export async function collectorsBehind(urls: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const text of urls) {
    const url = new URL(text);
    const host = url.hostname.replaceAll(/[[\]]/g, '');
    // With TLS a certificate is for the name, so that addresses would not do.
    if (isIP(host) !== 0 || host === 'localhost' || url.protocol !== 'http:') {
      found.push(url.href);
      continue;
    }
    let addresses: readonly { readonly address: string }[];
    try {
      addresses = await lookup(host, { all: true });
    } catch (error) {
      throw new CollectorStreamError(`the name ${host} is not known`, { cause: error });
    }
    for (const { address } of addresses) {
      url.hostname = address.includes(':') ? `[${address}]` : address;
      found.push(url.href);
    }
  }
  return [...new Set(found)];
}

/**
 * The lines that a collector streams, for as long as it does. Credentials are in the URL, as they are in an engine's.
 * @throws CollectorStreamError
 */
export async function* linesOf(
  collector: string,
  path: string,
  params: URLSearchParams,
): AsyncGenerator<string, void, undefined> {
  const { url, headers } = engineAddress(collector, path);
  url.search = params.toString();
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), CONNECT_MS);
  try {
    const response = await fetch(url, { headers, redirect: 'error', signal: abort.signal });
    if (!response.ok) {
      const answer = (await response.text()).slice(0, 500);
      throw new CollectorStreamError(`${url.origin} answered ${response.status}: ${answer}`);
    }
    const decoder = new TextDecoder();
    let rest = '';
    for await (const piece of response.body ?? []) {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(), SILENCE_MS);
      const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_CHARACTERS) {
        throw new CollectorStreamError(`${url.origin} sent a line without an end`);
      }
      for (const line of lines) if (line !== '') yield line;
    }
  } catch (error) {
    if (error instanceof CollectorStreamError) throw error;
    throw new CollectorStreamError(
      `no answer from a collector at ${url.origin}; is it running there? (--collector URL says where to ask)`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}
