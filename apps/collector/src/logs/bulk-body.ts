import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import type { LogBody } from './log-bodies.ts';
import type { LogChunk } from './log-chunk.ts';
import { entriesOf, isoText, type LogEntry } from './log-entries.ts';
import type { LogDelivery } from './log-transport.ts';

const MAX_INDEX_BYTES = 200;
const CANNOT_BE_IN_INDEX = /[\\/*?"<>|\s,#:\p{Cc}]/gu;

/**
 * The index a record belongs to: `%Y`, `%m`, `%d` and `%H` are of its time in UTC, `{namespace}` is the field of that
 * name. What an index's name may not have becomes `_`, and a field that is not there `none`.
 */
export function indexOf(template: string, tag: string, entry: LogEntry): string {
  const time = isoText(entry);
  const name = template.replaceAll(/%([YmdH%])|\{([^{}]+)\}/g, (_, part: string, field: string) => {
    if (part !== undefined) return timePart(part, time);
    if (field === 'tag') return tag;
    return entry.fields.find(([key]) => key === field)?.[1] ?? 'none';
  });
  const allowed = name
    .toLowerCase()
    .replaceAll(CANNOT_BE_IN_INDEX, '_')
    .replace(/^[-_+]+/, '');
  const cut = Buffer.from(allowed)
    .toString('utf8', 0, MAX_INDEX_BYTES)
    .replace(/\uFFFD+$/, '');
  return cut === '' || cut === '.' || cut === '..' ? 'none' : cut;
}

function timePart(part: string, time: string): string {
  switch (part) {
    case 'Y':
      return time.slice(0, 4);
    case 'm':
      return time.slice(5, 7);
    case 'd':
      return time.slice(8, 10);
    case 'H':
      return time.slice(11, 13);
    default:
      return '%';
  }
}

/** The body of a `_bulk` request of OpenSearch and Elasticsearch: for each record what to do, and the document. */
export function bulkLines(chunks: readonly LogChunk[], template: string): LogBody {
  const lines: string[] = [];
  for (const chunk of chunks) {
    for (const entry of entriesOf(chunk)) {
      // `create` is what data streams take, and indices take it as well.
      const action = { create: { _index: indexOf(template, chunk.tag, entry) } };
      const document = {
        '@timestamp': isoText(entry),
        tag: chunk.tag,
        message: entry.message,
        ...entry.record,
      };
      lines.push(JSON.stringify(action), '\n', JSON.stringify(document), '\n');
    }
  }
  return {
    headers: [
      ['content-type', 'application/x-ndjson'],
      ['content-encoding', 'gzip'],
    ],
    body: gzipSync(lines.join('')),
  };
}

/** What to ask the server to leave out of its answer. */
export const BULK_FILTER =
  'filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason';

const resultSchema = z.object({
  status: z.int(),
  error: z.object({ type: z.string().optional(), reason: z.string().nullish() }).optional(),
});
const answerSchema = z.object({
  errors: z.boolean(),
  items: z.array(z.record(z.string(), resultSchema)).optional(),
});

/**
 * What the answer to a `_bulk` request says: a document that does not fit its index never will, one for which there was
 * no room or no index may be tried again.
 * @throws Error for an answer that is none
 */
export function judgeBulk(answer: Buffer, chunks: readonly LogChunk[]): LogDelivery {
  const parsed = answerSchema.safeParse(parseJson(answer));
  if (!parsed.success) throw new Error('the answer is not that of a bulk request');
  const { errors, items = [] } = parsed.data;
  if (!errors) return { kind: 'delivered' };
  const expected = chunks.reduce((sum, chunk) => sum + entriesOf(chunk).length, 0);
  if (items.length !== expected) {
    throw new Error(`an answer of ${items.length} results to ${expected} documents`);
  }
  const rejected = new Map<number, string>();
  const again = new Set<number>();
  let detail = '';
  for (const [index, item] of items.entries()) {
    const result = Object.values(item)[0];
    const status = result?.status ?? 0;
    // A conflict is with the document itself, from an earlier attempt.
    if ((status >= 200 && status < 300) || status === 409) continue;
    const { type = 'no reason given', reason } = result?.error ?? {};
    const said = `status ${status}: ${type}${reason === undefined || reason === null ? '' : `: ${reason}`}`;
    const text = said.replaceAll(/\s+/g, ' ').slice(0, MAX_SHOWN);
    if (status === 400 || status === 413 || status === 422) rejected.set(index, text);
    else {
      again.add(index);
      detail = text;
    }
  }
  return { kind: 'partial', rejected, again, detail, afterMs: null };
}

const MAX_SHOWN = 300;

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
}
