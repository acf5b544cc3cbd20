import type { Spool } from '#libs/spool';
import { Counter, Gauge, type Registry } from 'prom-client';
import {
  DROP_REASONS,
  type EventCounters,
  type LogIdentity,
  type SourceCounts,
} from '#libs/log-pipeline';
import type { TailCounters } from '#libs/log-tail';
import type { CountingSink } from './counting-sink.ts';
import type { InputRules } from './input-rules.ts';
import type { LogLane } from './log-lane.ts';

/** The lane whose lines are counted. */
export const METRICS_LANE = 'metrics';

const TAIL_COUNTERS: readonly (readonly [keyof TailCounters, string, string])[] = [
  ['readBytes', 'binnacle_log_read_bytes_total', 'Bytes read from log files.'],
  ['rotations', 'binnacle_log_rotations_total', 'Log files that got another name or were deleted.'],
  ['truncations', 'binnacle_log_truncations_total', 'Log files that were truncated in place.'],
  ['truncatedLines', 'binnacle_log_truncated_lines_total', 'Lines longer than max_line_bytes.'],
  [
    'truncatedBytes',
    'binnacle_log_truncated_bytes_total',
    'Bytes left out of lines longer than max_line_bytes.',
  ],
  [
    'lostFiles',
    'binnacle_log_lost_files_total',
    'Log files that were being followed before a restart and could not be found again.',
  ],
  [
    'lostBytes',
    'binnacle_log_lost_bytes_total',
    'Bytes of log files that were overwritten before they were read, or gone after a restart.',
  ],
];

/** Labels of containers' lines beside those of their group. */
const IDENTITY = ['namespace', 'pod', 'container', 'workload'] as const;

const FLOW_IDENTITY = ['namespace', 'pod', 'container'] as const;

/** What following the log files came to, read from the lanes when somebody asks. */
export class LogMetrics {
  #lanes: readonly LogLane[] = [];
  #counts: CountingSink | null = null;
  #inputs: InputRules | null = null;
  readonly #registry: Registry;
  readonly #pollFailures: Counter;
  readonly #inputBytes: Gauge;
  readonly #inputDamaged: Gauge;

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    this.#pollFailures = new Counter({
      name: 'binnacle_log_poll_failures_total',
      help: 'Looks at the log files that failed as a whole, as when offsets cannot be saved.',
      labelNames: ['output'],
      registers,
    });
    this.#inputBytes = new Gauge({
      name: 'binnacle_log_input_spool_bytes',
      help: 'Bytes on disk that came by inputs and wait for an output.',
      labelNames: ['output'],
      registers,
    });
    this.#inputDamaged = new Gauge({
      name: 'binnacle_log_input_spool_damaged_bytes',
      help: 'Bytes of what came by inputs that were not what was written, since the start.',
      labelNames: ['output'],
      registers,
    });
    for (const [key, name, help] of TAIL_COUNTERS) {
      this.#counter(name, help, ['output'], (counter) => {
        for (const lane of this.#lanes) counter.inc({ output: lane.name }, lane.counters[key]);
      });
    }
    this.#counter(
      'binnacle_log_file_errors_total',
      'Attempts to open or read a log file that failed.',
      ['output', 'operation'],
      (counter) => {
        for (const { name: output, counters } of this.#lanes) {
          counter.inc({ output, operation: 'open' }, counters.openErrors);
          counter.inc({ output, operation: 'read' }, counters.readErrors);
        }
      },
    );
    this.#gauges();
    this.#flows();
    this.#pipelineCounters();
    this.#unenriched();
    this.#dropped();
    this.#redactions();
    this.setLabelNames([]);
  }

  /** From here on these lanes are read, and these counts. */
  setLanes(lanes: readonly LogLane[], counts: CountingSink | null): void {
    this.#lanes = lanes;
    this.#counts = counts;
  }

  /** From here on these are read for records that come beside files. */
  setInputs(inputs: InputRules | null): void {
    this.#inputs = inputs;
  }

  /** What inputs have left on disk for an output. */
  inputsSpooled(output: string, { sizeBytes, counters }: Spool): void {
    this.#inputBytes.set({ output }, sizeBytes);
    this.#inputDamaged.set({ output }, counters.damagedBytes);
  }

  pollFailed(output: string): void {
    this.#pollFailures.inc({ output });
  }

  /** The labels of the configured groups, which the counters of lines have beside their own. */
  setLabelNames(names: readonly string[]): void {
    const labelNames = ['group', ...IDENTITY, ...names, 'level', 'stream'];
    for (const [name, help, unit] of [
      ['binnacle_log_lines_total', 'Log messages by the level they tell.', 'lines'],
      ['binnacle_log_bytes_total', 'Bytes of log messages by the level they tell.', 'bytes'],
    ] as const) {
      this.#registry.removeSingleMetric(name);
      this.#counter(name, help, labelNames, (counter) => {
        for (const { group, counts: sources } of this.#counts?.groups.values() ?? []) {
          addCounts(counter, sources, unit, group.name, group.labels);
        }
        for (const { name: group, counts } of this.#inputs?.groups ?? []) {
          addCounts(counter, counts, unit, group, {});
        }
      });
    }
  }

  #gauges(): void {
    const lanes = (): readonly LogLane[] => this.#lanes;
    this.#registry.registerMetric(
      new Gauge({
        name: 'binnacle_log_lag_seconds',
        help: 'For how long the oldest line of a group has been waiting to be delivered.',
        labelNames: ['output', 'group'],
        registers: [],
        collect(): void {
          this.reset();
          for (const lane of lanes()) {
            const lags = new Map<string, number>([...lane.groups.keys()].map((name) => [name, 0]));
            for (const { group, lagSeconds } of lane.status(Date.now())) {
              lags.set(group, Math.max(lags.get(group) ?? 0, lagSeconds));
            }
            for (const [group, seconds] of lags) this.set({ output: lane.name, group }, seconds);
          }
        },
      }),
    );
    this.#registry.registerMetric(
      new Gauge({
        name: 'binnacle_log_lag_bytes',
        help: 'Bytes of the files of a group that are waiting to be delivered.',
        labelNames: ['output', 'group'],
        registers: [],
        collect(): void {
          this.reset();
          for (const lane of lanes()) {
            for (const name of lane.groups.keys()) this.set({ output: lane.name, group: name }, 0);
            for (const { group, lagBytes } of lane.status(Date.now())) {
              this.inc({ output: lane.name, group }, lagBytes);
            }
          }
        },
      }),
    );
    this.#registry.registerMetric(
      new Gauge({
        name: 'binnacle_log_files',
        help: 'Log files that are followed.',
        labelNames: ['output'],
        registers: [],
        collect(): void {
          this.reset();
          for (const lane of lanes()) {
            this.set({ output: lane.name }, lane.status(Date.now()).length);
          }
        },
      }),
    );
    this.#registry.registerMetric(
      new Gauge({
        name: 'binnacle_log_open_files',
        help: 'Log files that are open; those that are quiet are closed.',
        labelNames: ['output'],
        registers: [],
        collect(): void {
          this.reset();
          for (const lane of lanes()) this.set({ output: lane.name }, lane.openFiles);
        },
      }),
    );
    this.#registry.registerMetric(
      new Gauge({
        name: 'binnacle_log_skipped_files',
        help: 'Log files that were found and are not read because there are too many.',
        labelNames: ['output'],
        registers: [],
        collect(): void {
          this.reset();
          for (const lane of lanes()) this.set({ output: lane.name }, lane.counters.skippedFiles);
        },
      }),
    );
  }

  /** Loss is what was seen, was not shipped, and does not lag. */
  #flows(): void {
    for (const [name, help, unit] of [
      [
        'binnacle_log_seen_bytes_total',
        'Bytes by which log files have grown, be they read or not, as far as each way of their lines has seen it.',
        'seenBytes',
      ],
      [
        'binnacle_log_shipped_bytes_total',
        'Bytes of log files that have arrived, are in a spool, or that a rule leaves out.',
        'shippedBytes',
      ],
    ] as const) {
      this.#counter(name, help, ['output', 'group', ...FLOW_IDENTITY], (counter) => {
        for (const lane of this.#lanes) {
          for (const { group, identity, flow } of lane.flows(Date.now())) {
            const own = FLOW_IDENTITY.filter((label) => identity[label] !== '');
            const labels = Object.fromEntries(own.map((label) => [label, identity[label]]));
            counter.inc({ output: lane.name, group, ...labels }, flow[unit]);
          }
        }
      });
    }
  }

  #pipelineCounters(): void {
    const counters = [
      [
        'malformedLines',
        'binnacle_log_malformed_lines_total',
        'Lines that are not of their format.',
      ],
      [
        'unfinishedMessages',
        'binnacle_log_unfinished_messages_total',
        'Messages in parts whose last part never came.',
      ],
      [
        'truncatedMessages',
        'binnacle_log_truncated_messages_total',
        'Messages in parts that were longer than max_line_bytes together.',
      ],
      [
        'unparsedLines',
        'binnacle_log_unparsed_lines_total',
        'Messages that are not of the format of their parser; they go on as they are.',
      ],
      [
        'badTimes',
        'binnacle_log_bad_times_total',
        'Times in messages that could not be read or cannot be true; the record has its line’s.',
      ],
      [
        'cutRecords',
        'binnacle_log_cut_records_total',
        'Records of several lines that were ended because they had too many lines or bytes.',
      ],
      [
        'unknownNames',
        'binnacle_log_unknown_names_total',
        'Parsers and multiline rules that annotations name and that there are not, by file and stream.',
      ],
    ] as const;
    for (const [key, name, help] of counters) {
      this.#counter(name, help, ['output', 'group'], (counter) => {
        for (const lane of this.#lanes) {
          for (const { group, lines } of lane.groups.values()) {
            counter.inc({ output: lane.name, group: group.name }, lines.counters[key]);
          }
        }
        if (!isOfInputs(key)) return;
        for (const { name: group, pipeline } of this.#inputs?.groups ?? []) {
          // They pass once, like everything that is counted.
          counter.inc({ output: METRICS_LANE, group }, pipeline.counters[key]);
        }
      });
    }
  }

  /** Told of the lane that everything passes: what is left out there goes to no output. */
  #dropped(): void {
    this.#counter(
      'binnacle_log_dropped_lines_total',
      'Log messages that are not shipped because somebody wants it so.',
      ['group', 'reason'],
      (counter) => {
        const lane = this.#lanes.find((candidate) => candidate.name === METRICS_LANE);
        for (const { group, lines } of lane?.groups.values() ?? []) {
          for (const reason of DROP_REASONS) {
            const count = lines.shippingCounters.dropped[reason];
            counter.inc({ group: group.name, reason }, count);
          }
        }
        for (const { name: group, pipeline } of this.#inputs?.groups ?? []) {
          for (const reason of DROP_REASONS) {
            counter.inc({ group, reason }, pipeline.shippingCounters.dropped[reason]);
          }
        }
      },
    );
  }

  #redactions(): void {
    this.#counter(
      'binnacle_log_redactions_total',
      'Secrets and personal data taken out of log messages, by kind or name of the pattern.',
      ['group', 'kind'],
      (counter) => {
        const lane = this.#lanes.find((candidate) => candidate.name === METRICS_LANE);
        for (const { group, lines } of lane?.groups.values() ?? []) {
          for (const [kind, count] of lines.shippingCounters.redactions) {
            counter.inc({ group: group.name, kind }, count);
          }
        }
        for (const { name: group, pipeline } of this.#inputs?.groups ?? []) {
          for (const [kind, count] of pipeline.shippingCounters.redactions) {
            counter.inc({ group, kind }, count);
          }
        }
      },
    );
  }

  /** Told once, although every lane looks pods up: it is a share of the lines that are counted. */
  #unenriched(): void {
    this.#counter(
      'binnacle_log_unenriched_total',
      'Log messages of containers whose pod was not known in time.',
      ['group'],
      (counter) => {
        const lane = this.#lanes.find((candidate) => candidate.name === METRICS_LANE);
        for (const { group, unenriched } of lane?.groups.values() ?? []) {
          counter.inc({ group: group.name }, unenriched);
        }
      },
    );
  }

  /** A counter that is filled when somebody reads it. */
  #counter(
    name: string,
    help: string,
    labelNames: string[],
    fill: (counter: Counter) => void,
  ): void {
    const counter = new Counter({
      name,
      help,
      labelNames,
      registers: [],
      collect(): void {
        this.reset();
        fill(this);
      },
    });
    this.#registry.registerMetric(counter);
  }
}

function addCounts(
  counter: Counter,
  sources: SourceCounts,
  unit: 'lines' | 'bytes',
  group: string,
  own: Readonly<Record<string, string>>,
): void {
  for (const { identity, counts } of sources.list(Date.now())) {
    const labels = { group, ...told(identity), ...own };
    for (const count of counts) {
      const { level, stream } = count;
      counter.inc({ ...labels, level, stream }, count[unit]);
    }
  }
}

/** The labels that say something. */
function told(identity: LogIdentity): Record<string, string> {
  return Object.fromEntries(
    IDENTITY.map((name) => [name, identity[name]] as const).filter(([, value]) => value !== ''),
  );
}

function isOfInputs(key: string): key is keyof EventCounters {
  return key === 'unparsedLines' || key === 'badTimes' || key === 'unknownNames';
}
