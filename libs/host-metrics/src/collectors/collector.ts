import type { HostMetricWriter } from '../host-metric-writer.ts';
import type { HostSource } from '../host-source.ts';

/**
 * One collector of node_exporter: reads its files and writes its samples. What it throws (HostFileError, HostTextError)
 * takes back its own samples and nobody else's.
 */
export interface HostCollector {
  /** node_exporter's name for it, the value of the label `collector`. */
  readonly name: string;
  collect(source: HostSource, writer: HostMetricWriter, nowMs: number): void | Promise<void>;
}
