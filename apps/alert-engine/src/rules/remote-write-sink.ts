import { setTimeout as sleep } from 'node:timers/promises';
import { HttpPoster } from '#libs/node-http';
import { USER_AGENT } from '#libs/platform';
import {
  answerOf,
  compressBlock,
  type SampleSlice,
  WRITE_CONTENT_TYPES,
  WRITE_VERSIONS,
  WriteEncoder,
} from '#libs/remote-write';
import type { RuleSink } from '#libs/rules';
import type { SampleBatch } from '#libs/samples';
import type { ResultsConfig } from './datasources-config.ts';

const SAMPLES_PER_REQUEST = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;
const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 250;
const MAX_SHOWN = 300;

/**
 * Writes the results of rules to a remote-write receiver. The next rule waits until they have been taken; what is not
 * taken after three attempts is given up and is the rule's error.
 */
export class RemoteWriteSink implements RuleSink {
  readonly #config: ResultsConfig;
  readonly #poster: HttpPoster;
  readonly #encoder: WriteEncoder;
  readonly #onLost: (samples: number) => void;

  /** @param onLost counts samples that were not taken */
  constructor(config: ResultsConfig, baseDir: string, onLost: (samples: number) => void) {
    const { url, http, message } = config;
    this.#config = config;
    this.#poster = new HttpPoster({ url, http, baseDir, userAgent: USER_AGENT, connections: 4 });
    this.#encoder = new WriteEncoder(message);
    this.#onLost = onLost;
  }

  async append(batch: SampleBatch): Promise<void> {
    for (const slice of slicesOf(batch)) {
      const problem = await this.#send(compressBlock(this.#encoder.encode([slice])));
      if (problem === '') continue;
      const lost = batch.sampleCount - slice.start;
      this.#onLost(lost);
      throw new Error(`remote write did not take ${lost} of the rule's samples: ${problem}`);
    }
  }

  close(): Promise<void> {
    return this.#poster.close();
  }

  /** @returns what went wrong in the end, or the empty text */
  async #send(body: Buffer): Promise<string> {
    const { message, timeoutMs } = this.#config;
    let problem = '';
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) await sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1));
      try {
        const {
          status,
          headers,
          body: answerBody,
        } = await this.#poster.post({
          headers: [
            ['content-type', WRITE_CONTENT_TYPES[message]],
            ['content-encoding', 'snappy'],
            ['x-prometheus-remote-write-version', WRITE_VERSIONS[message]],
          ],
          body,
          timeoutMs,
          maxAnswerBytes: MAX_ANSWER_BYTES,
          cutsAnswer: true,
        });
        const answer = answerOf(status, headers.get('retry-after') ?? null, Date.now());
        if (answer.kind === 'accepted') return '';
        problem = `status ${status}: ${oneLine(answerBody.toString('utf8'))}`;
        if (answer.kind === 'rejected') return problem;
      } catch (error) {
        problem = oneLine(error instanceof Error ? error.message : String(error));
      }
    }
    return problem;
  }
}

function* slicesOf(batch: SampleBatch): Generator<SampleSlice> {
  for (let firstSeries = 0; firstSeries < batch.labels.length;) {
    const start = batch.firstSample[firstSeries]!;
    let last = firstSeries;
    // A rule gives one sample of each series, so a slice is never much longer than this.
    while (
      last < batch.labels.length &&
      batch.firstSample[last + 1]! - start <= SAMPLES_PER_REQUEST
    ) {
      last++;
    }
    if (last === firstSeries) last++;
    const end = batch.firstSample[last]!;
    if (end > start) yield { batch, firstSeries, start, end };
    firstSeries = last;
  }
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ').slice(0, MAX_SHOWN);
}
