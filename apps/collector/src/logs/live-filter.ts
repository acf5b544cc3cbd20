import { LOG_LEVELS, UNKNOWN_LEVEL } from '#libs/log-pipeline';
import { z } from 'zod';

const name = z.string().max(253).optional();

/** The query of the live view. Everything given has to hold. */
export const liveQuerySchema = z.strictObject({
  namespace: name,
  pod: name,
  container: name,
  /** This level and more urgent ones; lines that tell none are left out. */
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], {
      error: 'accepted are trace, debug, info, warn, error, fatal',
    })
    .optional(),
  /** Text that messages have in them. */
  grep: z.string().min(1).max(1_000).optional(),
});

export type LiveQuery = z.output<typeof liveQuerySchema>;

/** Which records somebody wants to see. */
export class LiveFilter {
  readonly #query: LiveQuery;
  readonly #leastLevel: number;
  readonly #grep: Buffer | null;

  constructor(query: LiveQuery) {
    this.#query = query;
    this.#leastLevel = query.level === undefined ? -1 : LOG_LEVELS.indexOf(query.level);
    this.#grep = query.grep === undefined ? null : Buffer.from(query.grep);
  }

  wantsSource(source: {
    readonly namespace: string;
    readonly pod: string;
    readonly container: string;
  }): boolean {
    const { namespace, pod, container } = this.#query;
    return (
      (namespace === undefined || namespace === source.namespace) &&
      (pod === undefined || pod === source.pod) &&
      (container === undefined || container === source.container)
    );
  }

  /** @param level its place in `LOG_LEVELS` */
  wantsLevel(level: number): boolean {
    return this.#leastLevel < 0 || (level >= this.#leastLevel && level !== UNKNOWN_LEVEL);
  }

  wantsMessage(bytes: Buffer, start: number, end: number): boolean {
    if (this.#grep === null) return true;
    return bytes.subarray(start, end).includes(this.#grep);
  }
}
