import { readPodLogPath } from '#libs/log-pipeline';
import { type ByteFlow, noFlow } from '#libs/log-tail';

/** Whose bytes are counted together; texts are empty for files that are no container's. */
interface FlowIdentity {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** What was seen of the files of a container, and what came of it. */
export interface LaneFlow {
  readonly group: string;
  readonly identity: FlowIdentity;
  readonly flow: Readonly<ByteFlow>;
}

interface Entry extends LaneFlow {
  readonly flow: ByteFlow;
  /** What it was when it was looked at last, and when it had last changed. */
  lastSum: number;
  changedMs: number;
}

/** Most containers of a lane that are told apart. */
const MAX_FLOWS = 10_000;
/** How long a container of which nothing comes any more is told of, if none of its files is open. */
const KEEP_MS = 15 * 60_000;
const NOBODY: FlowIdentity = { namespace: '', pod: '', container: '' };

/** What was seen and shipped on one way, by container. */
export class LaneFlows {
  readonly #entries = new Map<string, Entry>();

  /** Where the bytes of a file are counted. */
  of(group: string, path: string): ByteFlow {
    const found = readPodLogPath(path);
    let identity = NOBODY;
    if (found !== null) {
      const { namespace, pod, container } = found;
      identity = { namespace, pod, container };
    }
    let key = keyOf(group, identity);
    let entry = this.#entries.get(key);
    if (entry !== undefined) return entry.flow;
    if (this.#entries.size >= MAX_FLOWS) {
      identity = NOBODY;
      key = keyOf(group, identity);
      entry = this.#entries.get(key);
      if (entry !== undefined) return entry.flow;
    }
    const flow = noFlow();
    this.#entries.set(key, { group, identity, flow, lastSum: -1, changedMs: 0 });
    return flow;
  }

  /** @param open paths and groups of the files that are followed now */
  list(
    open: Iterable<{ readonly group: string; readonly path: string }>,
    nowMs: number,
  ): LaneFlow[] {
    const inUse = new Set<ByteFlow>();
    for (const { group, path } of open) inUse.add(this.of(group, path));
    for (const [key, entry] of this.#entries) {
      const { seenBytes, shippedBytes, lostBytes } = entry.flow;
      const sum = seenBytes + shippedBytes + lostBytes;
      if (sum !== entry.lastSum || inUse.has(entry.flow)) {
        entry.lastSum = sum;
        entry.changedMs = nowMs;
      } else if (nowMs - entry.changedMs >= KEEP_MS) this.#entries.delete(key);
    }
    return [...this.#entries.values()];
  }
}

function keyOf(group: string, { namespace, pod, container }: FlowIdentity): string {
  return `${group}\0${namespace}\0${pod}\0${container}`;
}
