import type { HostMetricWriter } from '../host-metric-writer.ts';
import { HostTextError, type HostSource } from '../host-source.ts';
import { fieldsOf, linesOf, parseNumber } from '../host-text.ts';
import type { HostCollector } from './collector.ts';

/** Ticks of /proc/stat per second; USER_HZ is 100 on every architecture that Linux runs containers on. */
const TICKS_PER_SECOND = 100;
const MODES = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'] as const;
const IDLE = MODES.indexOf('idle');
const GUEST = MODES.length;
const GUEST_NICE = MODES.length + 1;
/** A CPU whose idle time falls by more than this was taken out and put in again: its counters began anew. */
const HOTPLUG_SECONDS = 3;

/** Seconds per CPU of /proc/stat: for each the eight modes, then guest and guest_nice. @throws HostTextError */
function parseCpuSeconds(text: string, path: string): Map<string, Float64Array> {
  const cpus = new Map<string, Float64Array>();
  for (const line of linesOf(text)) {
    const match = /^cpu(\d+) /.exec(line);
    if (match === null) continue;
    const fields = fieldsOf(line);
    // Kernels before 2.6.33 print fewer columns; the missing ones count as zero.
    const seconds = new Float64Array(MODES.length + 2);
    for (let i = 0; i < seconds.length && i + 1 < fields.length; i++) {
      seconds[i] = parseNumber(fields[i + 1], path) / TICKS_PER_SECOND;
    }
    cpus.set(match[1]!, seconds);
  }
  if (cpus.size === 0) throw new HostTextError(path, 'no line of a CPU, such as `cpu0 …`');
  return cpus;
}

/**
 * The kernel's own figures go back a little at times (idle and iowait are estimates), which would look like a counter
 * reset worth the whole uptime; so each keeps its highest value, except after a CPU was plugged in again.
 */
export class CpuCollector implements HostCollector {
  readonly name = 'cpu';
  readonly #highest = new Map<string, Float64Array>();

  collect(source: HostSource, writer: HostMetricWriter): void {
    const fresh = parseCpuSeconds(source.readText('proc/stat'), 'proc/stat');
    for (const cpu of this.#highest.keys()) if (!fresh.has(cpu)) this.#highest.delete(cpu);
    for (const [cpu, seconds] of fresh) {
      const kept = this.#highest.get(cpu);
      if (kept !== undefined && kept[IDLE]! - seconds[IDLE]! < HOTPLUG_SECONDS) {
        for (let i = 0; i < seconds.length; i++) seconds[i] = Math.max(seconds[i]!, kept[i]!);
      }
      this.#highest.set(cpu, seconds);
      this.#write(writer, cpu, seconds);
    }
  }

  #write(writer: HostMetricWriter, cpu: string, seconds: Float64Array): void {
    for (let i = 0; i < MODES.length; i++) {
      writer.add(
        'node_cpu_seconds_total',
        'counter',
        'Seconds the CPUs spent in each mode.',
        seconds[i]!,
        ['cpu', cpu, 'mode', MODES[i]!],
      );
    }
    const guestHelp = 'Seconds the CPUs spent in guests (VMs) for each mode.';
    const guest = 'node_cpu_guest_seconds_total';
    writer.add(guest, 'counter', guestHelp, seconds[GUEST]!, ['cpu', cpu, 'mode', 'user']);
    writer.add(guest, 'counter', guestHelp, seconds[GUEST_NICE]!, ['cpu', cpu, 'mode', 'nice']);
  }
}
