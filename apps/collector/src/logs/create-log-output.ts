import { join } from 'node:path';
import type { AppLogger } from '#libs/platform';
import type { Spool, SpoolItem, SpoolThinning } from '#libs/spool';
import { openOutputSpool } from '../outputs/open-output-spool.ts';
import type { OutputMetrics } from '../outputs/output-metrics.ts';
import type { SpoolDisk } from '../outputs/spool-disk.ts';
import type { Uplinks } from '../outputs/uplinks.ts';
import { DeadLetterFile } from './dead-letter-file.ts';
import { withoutLevels } from './log-chunk.ts';
import { LogOutput, type LogOutputEvents } from './log-output.ts';
import type { LogTransport } from './log-transport.ts';
import type { SpoolConfig } from './spool-config.ts';

/** Where an output lives, and to whom it tells what it does. */
export interface LogOutputContext {
  /** What relative paths of secret files are relative to. */
  readonly baseDir: string;
  /** Where the outputs' spools lie, each in a folder of its name. */
  readonly spoolsFolder: string;
  /** What all spools may take together, and what makes room in them. */
  readonly disk: Pick<SpoolDisk, 'budget' | 'levelsInOrder'>;
  readonly uplinks: Uplinks;
  readonly userAgent: string;
  readonly metrics: OutputMetrics;
  readonly logger: AppLogger;
}

/** What goes to a receiver at once. */
const REQUEST_BYTES = 1024 * 1024;
/** Of a spool, that is read into memory when records of a level make room. */
const MAX_SEGMENT_BYTES = 4 * 1024 * 1024;

/** What outputs of every kind have in common. */
export function createLogOutput(
  name: string,
  transport: LogTransport,
  config: {
    readonly min_backoff: number;
    readonly max_backoff: number;
    readonly spool: SpoolConfig;
  },
  { spoolsFolder, disk, metrics, logger }: LogOutputContext,
  maxRequestBytes = REQUEST_BYTES,
): LogOutput {
  const { spool } = config;
  const spoolFolder = join(spoolsFolder, name);
  const deadLetters = new DeadLetterFile(join(spoolFolder, 'rejected.ndjson'), (records) =>
    metrics.deadLettersOverwritten(name, records),
  );
  const events: LogOutputEvents = {
    sent: (records) => metrics.logsSent(name, records),
    failed: (records) => metrics.logsRetried(name, records),
    rejected: (chunk, detail) => {
      metrics.logsDropped(name, 'rejected', chunk.count);
      void deadLetters.add(chunk, detail).catch((error: unknown) => {
        logger.error('a rejected record could not be kept', error, { output: name });
      });
    },
    queued: (records) => metrics.logsQueued(name, records),
    spooled: (store) => metrics.logsSpooled(name, store),
    spoolFailed: (error) => logger.error('the spool does not work', error, { output: name }),
    stateChanged: (isUp, detail) => {
      if (isUp) logger.info('records are delivered', { output: name });
      else logger.warn('records are not taken', { output: name, detail });
    },
  };
  return new LogOutput(
    {
      transport,
      minBackoffMs: config.min_backoff,
      maxBackoffMs: config.max_backoff,
      maxRequestBytes,
      spoolAfterMs: spool.after,
      openSpool:
        spool.max_size === 0
          ? null
          : (): Promise<Spool> =>
              openOutputSpool(
                name,
                spoolFolder,
                {
                  maxBytes: spool.max_size,
                  policy: spool.when_full,
                  segmentBytes: Math.min(MAX_SEGMENT_BYTES, Math.ceil(spool.max_size / 8)),
                  share: { budget: disk.budget, priority: spool.priority, givesWay: true },
                  thinning: thinningOf(disk.levelsInOrder),
                },
                logger,
              ),
    },
    events,
  );
}

function thinningOf(levels: readonly (readonly string[])[]): SpoolThinning {
  const stages = levels.map((names) => new Set(names));
  return {
    stages: stages.length,
    thin: (item: SpoolItem, stage) => withoutLevels(item, stages[stage - 1]!),
  };
}
