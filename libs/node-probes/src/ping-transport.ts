import { spawn } from 'node:child_process';
import { errorCode } from '#libs/node-files';
import {
  type Echo,
  type EchoRequest,
  type EchoTransport,
  type ProbedAddress,
  type ProbeFailure,
  ProbeFailureError,
} from '#libs/probes';
import {
  nowMonotonicMs,
  type ProbeTransportOptions,
  resolveAddress,
  toProbeFailure,
  untilAborted,
} from './probe-socket.ts';

/** More than `ping` ever says of one echo. */
const MAX_OUTPUT = 16 * 1024;
const MAX_WAIT_SECONDS = 60;

/**
 * Sends echoes with the machine's `ping`: Node has no ICMP sockets, and `ping` has the right to them where anybody has.
 * Where it is missing or not allowed, each probe fails and says so.
 */
export class PingTransport implements EchoTransport {
  readonly #options: ProbeTransportOptions;
  readonly #program: string;

  /** @param program a path, or a name to be found in `PATH` */
  constructor(options: ProbeTransportOptions, program = 'ping') {
    this.#options = options;
    this.#program = program;
  }

  async echo(request: EchoRequest): Promise<Echo> {
    const startMs = nowMonotonicMs();
    const phases = { resolve: 0, setup: 0, rtt: 0 };
    let address: ProbedAddress | null = null;
    try {
      address = await resolveAddress({ host: request.host, port: 0 }, request, this.#options.guard);
      phases.resolve = (nowMonotonicMs() - startMs) / 1_000;
      const ranMs = nowMonotonicMs();
      const run = await runPing(this.#program, pingArguments(request, address), request.signal);
      const reply = parseReply(run.stdout);
      if (reply === null) return { address, phases, replyHopLimit: null, failure: noReply(run) };
      phases.rtt = reply.rttSeconds;
      // What it took to start the program is not the network's.
      phases.setup = Math.max(0, (nowMonotonicMs() - ranMs) / 1_000 - reply.rttSeconds);
      return { address, phases, replyHopLimit: reply.ttl, failure: null };
    } catch (error) {
      phases.resolve ||= (nowMonotonicMs() - startMs) / 1_000;
      const { failure } = toProbeFailure(error, 'protocol', 'waiting for a reply', request.signal);
      return { address, phases, replyHopLimit: null, failure };
    }
  }
}

/** Options that iputils' and busybox's `ping` have in common, as far as only the usual is asked for. */
function pingArguments(request: EchoRequest, address: ProbedAddress): string[] {
  return [
    `-${address.family}`,
    '-c',
    '1',
    '-W',
    String(MAX_WAIT_SECONDS),
    '-s',
    String(request.payloadBytes),
    ...(request.ttl === null ? [] : ['-t', String(request.ttl)]),
    ...(request.mayNotFragment ? ['-M', 'do'] : []),
    ...(request.sourceIp === null ? [] : ['-I', request.sourceIp]),
    address.ip,
  ];
}

interface PingRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

async function runPing(program: string, args: string[], signal: AbortSignal): Promise<PingRun> {
  // Messages in another language could not be read.
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] = (output[name] + text).slice(0, MAX_OUTPUT);
    });
  }
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  try {
    const code = await untilAborted(ended, signal);
    return { ...output, code };
  } catch (error) {
    child.kill('SIGKILL');
    const reason = errorCode(error);
    if (signal.aborted || reason === '') throw error;
    const what = reason === 'ENOENT' ? 'which this machine does not have' : `but: ${reason}`;
    const message = `ICMP probes need the program ${program}, ${what}`;
    throw new ProbeFailureError({ code: 'configuration', message });
  }
}

function parseReply(stdout: string): { readonly rttSeconds: number; readonly ttl: number } | null {
  const match = /(?:ttl|hlim)=(\d+) time[=<]([\d.]+) ?ms/.exec(stdout);
  return match === null ? null : { ttl: Number(match[1]), rttSeconds: Number(match[2]) / 1_000 };
}

function noReply({ stdout, stderr, code }: PingRun): ProbeFailure {
  const said = stderr.split('\n', 1)[0]!.trim().slice(0, 200);
  if (/not permitted|permission denied|lacking privilege/i.test(stderr)) {
    const message = `ping has no right to ICMP sockets (${said}): it needs CAP_NET_RAW or net.ipv4.ping_group_range`;
    return { code: 'configuration', message };
  }
  const told = /^From .*$/m.exec(stdout)?.[0].slice(0, 200) ?? said;
  const message = told === '' ? `no reply (ping ended with ${code})` : told;
  return { code: 'response', message };
}
