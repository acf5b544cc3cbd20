import type { LogSource } from './log-source.ts';
import type { ParserSet } from './parser-set.ts';
import { type PodDirectives, podDirectivesOf } from './pod-directives.ts';
import { LOG_STREAMS, type LogStream } from './record-batch.ts';
import type { RecordParser } from './record-parser.ts';

/** What is done with the records of one source. */
export interface RecordPlan {
  /** By stream; null where nothing is parsed. */
  readonly parsers: readonly (RecordParser | null)[] | null;
  /** By stream; null where none is. */
  readonly isExcluded: readonly boolean[] | null;
  /** Lines a second that the pod asks for; null where it asks for nothing. */
  readonly rateLimit: number | null;
}

export interface RecordPlansOptions {
  readonly parsers: ParserSet;
  /** The parser of records whose pod does not ask for another; null for none. */
  readonly parser: string | null;
  /** Whether annotations of pods count. */
  readonly obeysAnnotations: boolean;
}

const NO_ANNOTATIONS: ReadonlyMap<string, string> = new Map();

/** Finds out what is configured for the records of a source, or asked for by its pod. */
export class RecordPlans {
  readonly #options: RecordPlansOptions;
  readonly #isUnknown: () => void;

  /** @param isUnknown called when a pod asks for a parser that there is not */
  constructor(options: RecordPlansOptions, isUnknown: () => void) {
    this.#options = options;
    this.#isUnknown = isUnknown;
    if (options.parser !== null) options.parsers.get(options.parser);
  }

  of(source: LogSource): RecordPlan {
    const wanted = LOG_STREAMS.map((stream) => this.directivesOf(source, stream));
    const parsers = wanted.map(({ parser }) => this.#parserOf(parser));
    const isExcluded = wanted.map((directives) => directives.isExcluded === true);
    return {
      parsers: parsers.every((parser) => parser === null) ? null : parsers,
      isExcluded: isExcluded.includes(true) ? isExcluded : null,
      rateLimit: this.directivesOf(source, '').rateLimit,
    };
  }

  /** What the pod asks for. */
  directivesOf({ pod, identity }: LogSource, stream: LogStream): PodDirectives {
    const isHeard = pod !== null && this.#options.obeysAnnotations;
    return podDirectivesOf(isHeard ? pod.annotations : NO_ANNOTATIONS, identity.container, stream);
  }

  #parserOf(wanted: string | null): RecordParser | null {
    const { parsers, parser } = this.#options;
    const own = wanted === null ? null : parsers.get(wanted);
    if (wanted !== null && own === null) this.#isUnknown();
    return own ?? (parser === null ? null : parsers.get(parser));
  }
}
