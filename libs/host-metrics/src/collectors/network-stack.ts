import type { HostMetricWriter } from '../host-metric-writer.ts';
import { type HostSource, HostTextError } from '../host-source.ts';
import { excerpt, fieldsOf, linesOf, parseHex, parseNumber, readIfPresent } from '../host-text.ts';
import type { HostCollector } from './collector.ts';

/** Which of the several hundred counters are published; the same as node_exporter's default. */
const NETSTAT_FIELD =
  /^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts)|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$/;

/** `Tcp: A B` over `Tcp: 1 2` is `Tcp_A` 1 and `Tcp_B` 2. @throws HostTextError */
function parseNetstat(text: string, path: string): Map<string, number> {
  const values = new Map<string, number>();
  const lines = linesOf(text);
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const names = fieldsOf(lines[i]!);
    const figures = fieldsOf(lines[i + 1]!);
    if (names[0] !== figures[0] || names.length !== figures.length || !names[0]!.endsWith(':')) {
      throw new HostTextError(path, `a line does not fit its headings: ${excerpt(lines[i])}`);
    }
    const protocol = names[0]!.slice(0, -1);
    for (let column = 1; column < names.length; column++) {
      values.set(`${protocol}_${names[column]!}`, parseNumber(figures[column], path));
    }
  }
  return values;
}

/** `Ip6InOctets 128` is `Ip6_InOctets`; only protocols that end in 6 are known by a fixed prefix. */
function parseSnmp6(text: string, path: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of linesOf(text)) {
    const [name, value] = fieldsOf(line);
    const match = /^(Ip6|Icmp6|Udp6|UdpLite6)(.+)$/.exec(name ?? '');
    if (match !== null) values.set(`${match[1]!}_${match[2]!}`, parseNumber(value, path));
  }
  return values;
}

export const netstatCollector: HostCollector = {
  name: 'netstat',
  collect(source, writer): void {
    const tables = [
      parseNetstat(source.readText('net/netstat'), 'net/netstat'),
      parseNetstat(source.readText('net/snmp'), 'net/snmp'),
      // Absent where IPv6 is switched off.
      parseSnmp6(readIfPresent(source, 'net/snmp6') ?? '', 'net/snmp6'),
    ];
    for (const table of tables) {
      for (const [name, value] of table) {
        if (!NETSTAT_FIELD.test(name)) continue;
        const help = `Statistic ${name.replace('_', '')}.`;
        writer.add(`node_netstat_${name}`, 'untyped', help, value);
      }
    }
  },
};

export const sockstatCollector: HostCollector = {
  name: 'sockstat',
  collect(source, writer, nowMs): void {
    const { pageSizeBytes } = source.facts(nowMs);
    for (const path of ['net/sockstat', 'net/sockstat6']) {
      const text = path === 'net/sockstat' ? source.readText(path) : readIfPresent(source, path);
      for (const line of linesOf(text ?? '')) writeSockets(writer, line, path, pageSizeBytes);
    }
  },
};

function writeSockets(
  writer: HostMetricWriter,
  line: string,
  path: string,
  pageSizeBytes: number,
): void {
  const fields = fieldsOf(line);
  const match = /^([A-Za-z0-9]+):$/.exec(fields[0] ?? '');
  if (match === null || fields.length % 2 !== 1) {
    throw new HostTextError(path, `expected \`TCP: inuse 1 …\`, found ${excerpt(line)}`);
  }
  const protocol = match[1]!;
  const gauge = (field: string, value: number): void => {
    const help =
      protocol === 'sockets'
        ? 'Number of IPv4 sockets in use.'
        : `Number of ${protocol} sockets in state ${field}.`;
    writer.add(`node_sockstat_${protocol}_${field}`, 'gauge', help, value);
  };
  for (let i = 1; i < fields.length; i += 2) {
    const value = parseNumber(fields[i + 1], path);
    gauge(fields[i]!, value);
    if (fields[i] === 'mem') gauge('mem_bytes', value * pageSizeBytes);
  }
}

export const udpQueuesCollector: HostCollector = {
  name: 'udp_queues',
  collect(source, writer): void {
    writeUdpQueues(writer, source, 'net/udp', 'v4');
    if (readIfPresent(source, 'net/udp6') !== null) {
      writeUdpQueues(writer, source, 'net/udp6', 'v6');
    }
  },
};

function writeUdpQueues(
  writer: HostMetricWriter,
  source: HostSource,
  path: string,
  ip: string,
): void {
  let transmit = 0;
  let receive = 0;
  for (const line of linesOf(source.readText(path)).slice(1)) {
    const [tx, rx] = (fieldsOf(line)[4] ?? '').split(':');
    transmit += parseHex(tx, path);
    receive += parseHex(rx, path);
  }
  const help = 'Number of allocated memory in the kernel for UDP datagrams in bytes.';
  writer.add('node_udp_queues', 'gauge', help, transmit, ['ip', ip, 'queue', 'tx']);
  writer.add('node_udp_queues', 'gauge', help, receive, ['ip', ip, 'queue', 'rx']);
}
