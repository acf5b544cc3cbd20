import {
  LINE_REJECT_REASONS,
  type LineReplayReport,
  type LogStore,
  type LogStoreStatistics,
} from '#libs/log-store';
import { Counter, Gauge, type Registry, Summary } from 'prom-client';

type Read = (now: LogStoreStatistics) => number;
type Figure = readonly [name: string, help: string, read: Read];

const GAUGES: readonly Figure[] = [
  ['active_streams', 'Streams that lines come for at present.', (s) => s.activeStreams],
  ['streams', 'Streams that the log store holds anything of.', (s) => s.streams],
  ['memory_bytes', 'Memory held for lines.', (s) => s.memoryBytes],
  ['memory_chunks', 'Chunks of lines in memory.', (s) => s.memoryChunks],
  ['log_bytes', 'Size of the write log of lines.', (s) => s.logBytes],
  ['log_segments', 'Segments of the write log of lines.', (s) => s.logSegments],
  [
    'log_pending_bytes',
    'Bytes of the write log of lines that are not confirmed by the disk.',
    (s) => s.logPendingBytes,
  ],
  ['blocks', 'Blocks of lines.', (s) => s.blocks.blocks],
  ['block_bytes', 'Bytes of all blocks of lines on disk.', (s) => s.blocks.bytes],
  ['block_chunks', 'Chunks in blocks of lines.', (s) => s.blocks.chunks],
  ['block_lines', 'Lines in blocks.', (s) => s.blocks.lines],
  [
    'block_line_bytes',
    'Bytes of the lines in blocks before they were compressed.',
    (s) => s.blocks.lineBytes,
  ],
];
const COUNTERS: readonly Figure[] = [
  ['lines_total', 'Lines that were taken.', (s) => s.acceptedLines],
  ['line_bytes_total', 'Bytes of lines that were taken.', (s) => s.acceptedBytes],
  ['repeated_lines_total', 'Lines that were there already.', (s) => s.repeatedLines],
  ['log_flushes_total', 'Group commits of the write log of lines.', (s) => s.logFlushes],
  [
    'log_failed_flushes_total',
    'Writes of the write log of lines that failed.',
    (s) => s.logFailedFlushes,
  ],
  ['log_written_bytes_total', 'Bytes written to the write log of lines.', (s) => s.logWrittenBytes],
  ['blocks_written_total', 'Blocks of lines written.', (s) => s.blocks.written],
  [
    'failed_moves_total',
    'Failed attempts to move lines from memory to a block.',
    (s) => s.failedMoves,
  ],
  [
    'blocks_expired_total',
    'Blocks of lines dropped because of the retention by time or size, or of more streams than are kept.',
    (s) => s.blocks.expiredBlocks,
  ],
  [
    'lines_expired_total',
    'Lines dropped because of the retention by time or size, or of more streams than are kept.',
    (s) => s.blocks.expiredLines,
  ],
  [
    'blocks_joined_total',
    'Blocks of lines that were joined to larger ones.',
    (s) => s.blocks.joined,
  ],
  ['failed_joins_total', 'Failed attempts to join blocks of lines.', (s) => s.blocks.failedJoins],
  [
    'block_damage_total',
    'Blocks of lines set aside, and damaged parts that reading came across.',
    (s) => s.blocks.damaged,
  ],
];

/** The log store's metrics, `binnacle_logstore_…`. */
export class LogStoreMetrics {
  readonly #registry: Registry;
  readonly #syncs: Summary;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#syncs = new Summary({
      name: 'binnacle_logstore_fsync_duration_seconds',
      help: 'How long the disk takes to confirm lines.',
      percentiles: [0.5, 0.9, 0.99],
      maxAgeSeconds: 600,
      ageBuckets: 5,
      registers: [registry],
    });
  }

  synced(seconds: number): void {
    this.#syncs.observe(seconds);
  }

  /** Registers what is read from the store itself at every scrape. */
  observe(store: LogStore): void {
    const registry = this.#registry;
    for (const [name, help, read] of GAUGES) {
      const gauge = new Gauge({
        name: `binnacle_logstore_${name}`,
        help,
        registers: [],
        collect() {
          this.set(read(store.statistics()));
        },
      });
      registry.registerMetric(gauge);
    }
    for (const [name, help, read] of COUNTERS) {
      const counter = new Counter({
        name: `binnacle_logstore_${name}`,
        help,
        registers: [],
        collect() {
          this.reset();
          this.inc(read(store.statistics()));
        },
      });
      registry.registerMetric(counter);
    }
    const rejected = new Counter({
      name: 'binnacle_logstore_rejected_lines_total',
      help: 'Lines that were not stored, by reason.',
      labelNames: ['reason'],
      registers: [],
      collect() {
        this.reset();
        const { rejectedLines } = store.statistics();
        for (const reason of LINE_REJECT_REASONS) this.inc({ reason }, rejectedLines[reason]);
      },
    });
    const writable = new Gauge({
      name: 'binnacle_logstore_writable',
      help: 'Whether the log store takes lines: 0 while it reads its log, the disk is nearly full or cannot be written.',
      registers: [],
      collect() {
        this.set(store.unavailability() === null ? 1 : 0);
      },
    });
    registry.registerMetric(rejected);
    registry.registerMetric(writable);
  }

  /** Publishes what the replay at the start found. */
  replayed(report: LineReplayReport, seconds: number): void {
    const figures: readonly (readonly [string, string, number])[] = [
      ['seconds', 'Time taken to read the log of lines back at the start.', seconds],
      ['lines', 'Lines read back at the start.', report.lines],
      [
        'torn_bytes',
        'Bytes cut at the start from the ends of segments whose last write was interrupted.',
        report.tornBytes,
      ],
      [
        'damaged_records',
        'Stretches of segments without a valid record found at the start.',
        report.damagedRecords + report.unknownRecords,
      ],
      [
        'segments_set_aside',
        'Segments of which a copy was kept at the start because of damage.',
        report.segmentsSetAside.length,
      ],
    ];
    for (const [name, help, value] of figures) {
      new Gauge({
        name: `binnacle_logstore_replay_${name}`,
        help,
        registers: [this.#registry],
      }).set(value);
    }
  }
}
