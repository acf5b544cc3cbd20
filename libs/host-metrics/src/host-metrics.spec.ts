import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Labels } from '#libs/labels';
import { isStaleMarker, type SampleBatch } from '#libs/samples';
import {
  HostFileError,
  HostMetricsCollector,
  hostMetricsCollectorNames,
  type HostMetricsOptions,
  MemoryHostSource,
  UnknownHostCollectorError,
} from './index.ts';

const NOW_MS = 1_700_000_000_000;

function seriesOf(batch: SampleBatch): Map<string, number | 'stale'> {
  const series = new Map<string, number | 'stale'>();
  for (let i = 0; i < batch.labels.length; i++) {
    const at = batch.firstSample[i]!;
    series.set(
      batch.labels[i]!.toString(),
      isStaleMarker(batch.values, at) ? 'stale' : batch.values[at]!,
    );
  }
  return series;
}

function only(...names: string[]): HostMetricsOptions {
  return {
    baseLabels: Labels.EMPTY,
    disabledCollectors: hostMetricsCollectorNames.filter((name) => !names.includes(name)),
  };
}

/** The samples of one collector over the given files, without the `node_scrape_*` and `up` ones. */
async function collect(
  name: string,
  source: MemoryHostSource,
  options: Partial<HostMetricsOptions> = {},
): Promise<Record<string, number | 'stale'>> {
  const collector = new HostMetricsCollector({ ...only(name), ...options });
  const { batch, collectors } = await collector.collect(source, NOW_MS);
  expect(collectors).toHaveLength(1);
  expect(collectors[0]!.problem).toBeNull();
  return withoutOwn(seriesOf(batch));
}

function withoutOwn(series: Map<string, number | 'stale'>): Record<string, number | 'stale'> {
  return Object.fromEntries([...series].filter(([key]) => !/^(up|node_scrape_)/.test(key)));
}

const PROC_STAT = [
  'cpu  300 0 150 1000 20 0 5 1 30 4',
  'cpu0 200 0 100 600 10 0 5 1 30 4',
  'cpu1 100 0 50 400 10 0 0 0 0 0',
  'intr 4711 0 1 2',
  'ctxt 99',
  'btime 1700000000',
  'processes 12',
  'procs_running 3',
  'procs_blocked 1',
  'softirq 7 1 2',
  '',
].join('\n');

describe('CPU seconds', () => {
  it('are ticks divided by a hundred, with guests apart', async () => {
    const series = await collect('cpu', new MemoryHostSource({ 'proc/stat': PROC_STAT }));
    expect(series['node_cpu_seconds_total{cpu="0", mode="user"}']).toBe(2);
    expect(series['node_cpu_seconds_total{cpu="1", mode="idle"}']).toBe(4);
    expect(series['node_cpu_guest_seconds_total{cpu="0", mode="user"}']).toBe(0.3);
    expect(series['node_cpu_guest_seconds_total{cpu="0", mode="nice"}']).toBe(0.04);
    expect(Object.keys(series)).toHaveLength(20);
  });

  it('never go back a little, but begin anew when a CPU was plugged in again', async () => {
    const collector = new HostMetricsCollector(only('cpu'));
    const idleAfter = async (user: number, idle: number): Promise<unknown> => {
      const source = new MemoryHostSource({
        'proc/stat': `cpu0 ${user} 0 0 ${idle} 0 0 0 0 0 0\n`,
      });
      const series = seriesOf((await collector.collect(source, NOW_MS)).batch);
      return [
        series.get('node_cpu_seconds_total{cpu="0", mode="user"}'),
        series.get('node_cpu_seconds_total{cpu="0", mode="idle"}'),
      ];
    };
    expect(await idleAfter(100, 1000)).toEqual([1, 10]);
    expect(await idleAfter(110, 990)).toEqual([1.1, 10]);
    expect(await idleAfter(90, 1010)).toEqual([1.1, 10.1]);
    expect(await idleAfter(5, 10)).toEqual([0.05, 0.1]);
  });
});

function pressure(total: number): string {
  return (
    `some avg10=0.00 avg60=0.00 avg300=0.00 total=${total}\n` +
    `full avg10=0.00 avg60=0.00 avg300=0.00 total=${total / 2}\n`
  );
}

describe('the small kernel files', () => {
  it('become gauges and counters', async () => {
    expect(await collect('stat', new MemoryHostSource({ 'proc/stat': PROC_STAT }))).toEqual({
      node_boot_time_seconds: 1_700_000_000,
      node_context_switches_total: 99,
      node_forks_total: 12,
      node_intr_total: 4711,
      node_procs_blocked: 1,
      node_procs_running: 3,
    });
    const files = {
      'proc/loadavg': '0.60 1.29 12.16 1/106 10194\n',
      'proc/sys/fs/file-nr': '601\t0\t9223372036854775807\n',
      'proc/meminfo': 'MemTotal:  16 kB\nActive(anon):   2 kB\nHugePages_Total:   3\n',
      'proc/vmstat': 'nr_free_pages 5\npgfault 6\npgpgin 7\noom_kill 1\n',
    };
    expect(await collect('loadavg', new MemoryHostSource(files))).toEqual({
      node_load1: 0.6,
      node_load5: 1.29,
      node_load15: 12.16,
    });
    expect(await collect('filefd', new MemoryHostSource(files))).toEqual({
      node_filefd_allocated: 601,
      node_filefd_maximum: 2 ** 63,
    });
    expect(await collect('meminfo', new MemoryHostSource(files))).toEqual({
      node_memory_MemTotal_bytes: 16_384,
      node_memory_Active_anon_bytes: 2048,
      node_memory_HugePages_Total: 3,
    });
    expect(await collect('vmstat', new MemoryHostSource(files))).toEqual({
      node_vmstat_pgfault: 6,
      node_vmstat_pgpgin: 7,
      node_vmstat_oom_kill: 1,
    });
  });

  it('tell pressure in seconds, of interrupts only where the kernel knows it', async () => {
    const source = new MemoryHostSource({
      'proc/pressure/cpu': pressure(2_000_000),
      'proc/pressure/io': pressure(4_000_000),
      'proc/pressure/memory': pressure(6_000_000),
    });
    expect(await collect('pressure', source)).toEqual({
      node_pressure_cpu_waiting_seconds_total: 2,
      node_pressure_io_waiting_seconds_total: 4,
      node_pressure_io_stalled_seconds_total: 2,
      node_pressure_memory_waiting_seconds_total: 6,
      node_pressure_memory_stalled_seconds_total: 3,
    });
    source.files.set('proc/pressure/irq', 'full avg10=0 avg60=0 avg300=0 total=1000000\n');
    expect(await collect('pressure', source)).toHaveProperty(
      'node_pressure_irq_stalled_seconds_total',
      1,
    );
  });

  it('add up the connection tracking of all CPUs', async () => {
    const source = new MemoryHostSource({
      'proc/sys/net/netfilter/nf_conntrack_count': '5\n',
      'proc/sys/net/netfilter/nf_conntrack_max': '262144\n',
    });
    expect(Object.keys(await collect('conntrack', source))).toHaveLength(2);
    source.files.set(
      'net/stat/nf_conntrack',
      'entries found invalid ignore insert insert_failed drop early_drop search_restart\n' +
        '00000005 0000000a 00000000 00000000 00000000 00000001 00000000 00000000 00000002\n' +
        '00000005 00000006 00000000 00000000 00000000 00000001 00000000 00000000 00000000\n',
    );
    expect(await collect('conntrack', source)).toMatchObject({
      node_nf_conntrack_entries: 5,
      node_nf_conntrack_entries_limit: 262_144,
      node_nf_conntrack_stat_found: 16,
      node_nf_conntrack_stat_insert_failed: 2,
      node_nf_conntrack_stat_search_restart: 2,
    });
  });
});

describe('filesystems', () => {
  const stats = {
    blockSizeBytes: 4096,
    blocks: 100,
    freeBlocks: 50,
    availableBlocks: 40,
    files: 10,
    freeFiles: 9,
  };

  it('are those of the mount table, each once, without the excluded ones', async () => {
    const source = new MemoryHostSource({
      'proc/1/mountinfo': [
        '27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
        '28 27 0:5 / /proc rw - proc proc rw',
        '29 27 0:6 / /dev/shm rw - tmpfs tmpfs rw',
        '30 27 8:1 / /mnt/my\\040disk ro,relatime shared:2 master:1 - xfs /dev/sda1 rw',
        '31 27 8:1 / /mnt/my\\040disk ro,relatime - xfs /dev/sda1 rw',
        'nonsense',
      ].join('\n'),
    });
    source.filesystems.set('/', stats).set('/mnt/my disk', { ...stats, blocks: 7 });
    const series = await collect('filesystem', source);
    const root = 'device="/dev/vda", fstype="ext4", mountpoint="/"';
    const disk = 'device="/dev/sda1", fstype="xfs", mountpoint="/mnt/my disk"';
    expect(series).toMatchObject({
      [`node_filesystem_size_bytes{${root}}`]: 409_600,
      [`node_filesystem_free_bytes{${root}}`]: 204_800,
      [`node_filesystem_avail_bytes{${root}}`]: 163_840,
      [`node_filesystem_files{${root}}`]: 10,
      [`node_filesystem_files_free{${root}}`]: 9,
      [`node_filesystem_readonly{${root}}`]: 0,
      [`node_filesystem_device_error{${root}}`]: 0,
      [`node_filesystem_readonly{${disk}}`]: 1,
      [`node_filesystem_size_bytes{${disk}}`]: 28_672,
    });
    expect(Object.keys(series)).toHaveLength(14);
    const narrow = await collect('filesystem', source, { excludedMountPoints: '^/mnt($|/)' });
    expect(Object.keys(narrow).filter((key) => key.includes('my disk'))).toEqual([]);
    expect(Object.keys(narrow).filter((key) => key.includes('/dev/shm'))).not.toEqual([]);
  });

  it('that do not answer have only the error', async () => {
    const source = new MemoryHostSource({
      'proc/1/mountinfo': new HostFileError('denied', 'proc/1/mountinfo'),
      'proc/self/mountinfo': '27 1 0:50 / /nfs rw - nfs4 server:/export rw\n',
    });
    const labels = '{device="server:/export", fstype="nfs4", mountpoint="/nfs"}';
    expect(await collect('filesystem', source)).toEqual({
      [`node_filesystem_device_error${labels}`]: 1,
      [`node_filesystem_readonly${labels}`]: 0,
    });
  });
});

describe('disks', () => {
  it.each([
    [11, 11],
    [15, 15],
    [17, 17],
    [20, 17],
  ])('with %d figures have %d metrics and an info', async (figures, metrics) => {
    const values = Array.from({ length: figures }, (_, i) => i + 1).join(' ');
    const source = new MemoryHostSource({
      'proc/diskstats': `   8 0 sda ${values}\n   8 1 sda1 ${values}\n   7 0 loop0 ${values}\n`,
    });
    const series = await collect('diskstats', source);
    expect(Object.keys(series)).toHaveLength(metrics + 1);
    expect(series['node_disk_read_bytes_total{device="sda"}']).toBe(3 * 512);
    expect(series['node_disk_io_time_weighted_seconds_total{device="sda"}']).toBeCloseTo(0.011);
    expect(series['node_disk_info{device="sda", major="8", minor="0"}']).toBe(1);
  });

  it('are described by what udev knows', async () => {
    const source = new MemoryHostSource({
      'proc/diskstats': '8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n',
      'root/run/udev/data/b8:0':
        'S:disk/by-id/x\nE:ID_MODEL=FastDisk\nE:ID_ATA=1\nE:ID_ATA_ROTATION_RATE_RPM=7200\nE:DM_NAME=root\nE:ID_FS_TYPE=ext4\n',
    });
    const series = await collect('diskstats', source);
    expect(series).toMatchObject({
      'node_disk_info{device="sda", major="8", minor="0", model="FastDisk"}': 1,
      'node_disk_ata_rotation_rate_rpm{device="sda"}': 7200,
      'node_disk_device_mapper_info{device="sda", name="root"}': 1,
      'node_disk_filesystem_info{device="sda", type="ext4"}': 1,
    });
  });
});

describe('network', () => {
  it('devices count what they carried', async () => {
    const source = new MemoryHostSource({
      'net/dev':
        'Inter-| Receive | Transmit\n face |bytes packets|bytes packets\n' +
        '    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n' +
        'eth0:1:100 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n',
      'sys/class/net/lo/statistics/rx_nohandler': '17\n',
    });
    const series = await collect('netdev', source);
    expect(series).toMatchObject({
      'node_network_receive_bytes_total{device="lo"}': 1,
      'node_network_receive_frame_total{device="lo"}': 6,
      'node_network_transmit_bytes_total{device="lo"}': 9,
      'node_network_transmit_compressed_total{device="lo"}': 16,
      'node_network_receive_nohandler_total{device="lo"}': 17,
      'node_network_receive_bytes_total{device="eth0:1"}': 100,
    });
    const narrow = await collect('netdev', source, { excludedNetworkDevices: '^lo$' });
    expect(Object.keys(narrow)).toHaveLength(16);
  });

  it('classes tell what each device is, leaving out what a device does not say', async () => {
    const source = new MemoryHostSource({
      'sys/class/net/bonding_masters': 'bond0 bond1\n',
      'sys/class/net/eth0/operstate': 'up\n',
      'sys/class/net/eth0/address': '02:fc:00:00:00:01\n',
      'sys/class/net/eth0/flags': '0x1003\n',
      'sys/class/net/eth0/speed': '1000\n',
      'sys/class/net/eth0/mtu': '1500\n',
      'sys/class/net/eth0/carrier_changes': '2\n',
      'sys/class/net/ifb0/operstate': 'down\n',
      'sys/class/net/ifb0/speed': new HostFileError('unreadable', 'speed'),
    });
    expect(await collect('netclass', source)).toEqual({
      'node_network_up{device="eth0"}': 1,
      'node_network_info{address="02:fc:00:00:00:01", device="eth0", operstate="up"}': 1,
      'node_network_flags{device="eth0"}': 4099,
      'node_network_speed_bytes{device="eth0"}': 125_000_000,
      'node_network_mtu_bytes{device="eth0"}': 1500,
      'node_network_carrier_changes_total{device="eth0"}': 2,
      'node_network_up{device="ifb0"}': 0,
      'node_network_info{device="ifb0", operstate="down"}': 1,
    });
  });

  it('bonds count their active slaves', async () => {
    const folder = 'sys/class/net/bond0';
    const source = new MemoryHostSource({
      'sys/class/net/bonding_masters': 'bond0 bond1\n',
      [`${folder}/bonding/slaves`]: 'eth0 eth1\n',
      [`${folder}/lower_eth0/bonding_slave/mii_status`]: 'up\n',
      [`${folder}/slave_eth1/bonding_slave/mii_status`]: 'down\n',
      'sys/class/net/bond1/bonding/slaves': '\n',
    });
    expect(await collect('bonding', source)).toEqual({
      'node_bonding_slaves{master="bond0"}': 2,
      'node_bonding_active{master="bond0"}': 1,
      'node_bonding_slaves{master="bond1"}': 0,
      'node_bonding_active{master="bond1"}': 0,
    });
  });

  it('protocols count, and sockets are in use', async () => {
    const source = new MemoryHostSource({
      'net/netstat': 'TcpExt: ListenDrops Other TCPTimeouts\nTcpExt: 1 2 3\n',
      'net/snmp': 'Ip: Forwarding DefaultTTL\nIp: 2 64\nTcp: MaxConn OutSegs\nTcp: -1 5\n',
      'net/snmp6': 'Ip6InOctets 128\nIcmp6InMsgs 3\nUdpLite6InErrors 4\nIp6InReceives 9\n',
      'net/sockstat': 'sockets: used 18\nTCP: inuse 2 orphan 0 mem 3\n',
      'net/udp': 'sl local\n 1: 00:01 00:02 07 0000000A:00000010 rest\n',
      'net/arp': 'IP address HW\n10.0.0.1 0x1 0x2 02:fc * eth0\n10.0.0.2 0x1 0x2 02:fc * eth0\n',
    });
    expect(await collect('netstat', source)).toEqual({
      node_netstat_TcpExt_ListenDrops: 1,
      node_netstat_TcpExt_TCPTimeouts: 3,
      node_netstat_Ip_Forwarding: 2,
      node_netstat_Tcp_OutSegs: 5,
      node_netstat_Ip6_InOctets: 128,
      node_netstat_Icmp6_InMsgs: 3,
      node_netstat_UdpLite6_InErrors: 4,
    });
    expect(await collect('sockstat', source)).toEqual({
      node_sockstat_sockets_used: 18,
      node_sockstat_TCP_inuse: 2,
      node_sockstat_TCP_orphan: 0,
      node_sockstat_TCP_mem: 3,
      node_sockstat_TCP_mem_bytes: 12_288,
    });
    expect(await collect('udp_queues', source)).toEqual({
      'node_udp_queues{ip="v4", queue="tx"}': 10,
      'node_udp_queues{ip="v4", queue="rx"}': 16,
    });
    expect(await collect('arp', source)).toEqual({ 'node_arp_entries{device="eth0"}': 2 });
  });
});

describe('software RAID', () => {
  const MDSTAT = [
    'Personalities : [raid1] [raid6]',
    'md8 : active raid1 sdb1[1] sda1[0] sdc[2](S) sde[3](S)',
    '      195310144 blocks [2/2] [UU]',
    '      [=>...................]  resync =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec',
    '',
    'md00 : active raid0 xvdb[0]',
    '      4186624 blocks super 1.2 256k chunks',
    '',
    'md219 : inactive sdb[2](S) sdc[1](S) sda[0](S)',
    '        7932 blocks super external:imsm',
    '',
    'md6 : active raid1 sdb2[2](F) sda2[0]',
    '      195310144 blocks [2/1] [U_]',
    '      bitmap: 0/30 pages [0KB], 65536KB chunk',
    '      resync=DELAYED',
    'unused devices: <none>',
  ].join('\n');

  it('tells disks by state, and how far a resync has come', async () => {
    const series = await collect('mdadm', new MemoryHostSource({ 'proc/mdstat': MDSTAT }));
    expect(series).toMatchObject({
      'node_md_disks{device="md8", state="active"}': 2,
      'node_md_disks{device="md8", state="spare"}': 2,
      'node_md_disks_required{device="md8"}': 2,
      'node_md_blocks_synced{device="md8"}': 16_775_552,
      'node_md_state{device="md8", state="resync"}': 1,
      'node_md_state{device="md8", state="active"}': 0,
      'node_md_disks{device="md00", state="active"}': 1,
      'node_md_blocks_synced{device="md00"}': 4_186_624,
      'node_md_state{device="md219", state="inactive"}': 1,
      'node_md_disks{device="md219", state="spare"}': 3,
      'node_md_disks_required{device="md219"}': 0,
      'node_md_disks{device="md6", state="failed"}': 1,
      'node_md_disks{device="md6", state="active"}': 1,
      'node_md_blocks_synced{device="md6"}': 0,
    });
  });
});

describe('what the system is', () => {
  it('comes as labels', async () => {
    const kernel = 'proc/sys/kernel';
    const clocks = 'sys/devices/system/clocksource/clocksource0';
    const source = new MemoryHostSource({
      [`${kernel}/domainname`]: '(none)\n',
      [`${kernel}/hostname`]: 'node-1\n',
      [`${kernel}/osrelease`]: '6.1.0\n',
      [`${kernel}/ostype`]: 'Linux\n',
      [`${kernel}/version`]: '#1 SMP\n',
      'root/usr/lib/os-release': 'NAME="A \\"B\\""\nID=a\nVERSION_ID=\'12.5.1\'\n# comment\n',
      [`${clocks}/available_clocksource`]: 'tsc hpet \n',
      [`${clocks}/current_clocksource`]: 'tsc\n',
      'sys/class/dmi/id/sys_vendor': 'Maker\n',
      'sys/class/dmi/id/product_serial': new HostFileError('denied', 'product_serial'),
    });
    expect(await collect('uname', source)).toEqual({
      'node_uname_info{domainname="(none)", machine="x86_64", nodename="node-1", release="6.1.0", sysname="Linux", version="#1 SMP"}': 1,
    });
    source.nodeName = 'worker-7';
    expect(Object.keys(await collect('uname', source))[0]).toContain('nodename="worker-7"');
    expect(await collect('os', source)).toEqual({
      'node_os_info{id="a", name="A \\"B\\"", version_id="12.5.1"}': 1,
      'node_os_version{id="a", name="A \\"B\\""}': 12.5,
    });
    expect(await collect('time', source)).toEqual({
      node_time_seconds: NOW_MS / 1000,
      'node_time_zone_offset_seconds{time_zone="UTC"}': 0,
      'node_time_clocksource_available_info{clocksource="tsc", device="0"}': 1,
      'node_time_clocksource_available_info{clocksource="hpet", device="0"}': 1,
      'node_time_clocksource_current_info{clocksource="tsc", device="0"}': 1,
    });
    expect(await collect('dmi', source)).toEqual({ 'node_dmi_info{system_vendor="Maker"}': 1 });
  });
});

describe('a collection', () => {
  it('loses to a malformed file only that collector, and names the file', async () => {
    const source = new MemoryHostSource({
      'proc/loadavg': '0.1 0.2 0.3 1/1 1\n',
      'proc/sys/fs/file-nr': '12\tgarbage\n',
    });
    const collector = new HostMetricsCollector(only('loadavg', 'filefd', 'pressure'));
    const { batch, collectors } = await collector.collect(source, NOW_MS);
    expect(collectors.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
      'filefd failed',
      'loadavg success',
      'pressure no_data',
    ]);
    expect(collectors[0]!.problem).toContain('proc/sys/fs/file-nr: expected a number');
    expect([...seriesOf(batch)].filter(([key]) => !key.includes('duration'))).toEqual([
      ['node_scrape_collector_success{collector="filefd"}', 0],
      ['node_load1', 0.1],
      ['node_load5', 0.2],
      ['node_load15', 0.3],
      ['node_scrape_collector_success{collector="loadavg"}', 1],
      ['node_scrape_collector_success{collector="pressure"}', 0],
      ['up', 1],
    ]);
  });

  it('marks series as stale that are gone, once', async () => {
    const source = new MemoryHostSource({
      'net/arp': 'head\n1 2 3 4 5 eth0\n1 2 3 4 5 veth1\n',
    });
    const collector = new HostMetricsCollector(only('arp'));
    await collector.collect(source, NOW_MS);
    source.files.set('net/arp', 'head\n1 2 3 4 5 eth0\n');
    const gone = 'node_arp_entries{device="veth1"}';
    const second = seriesOf((await collector.collect(source, NOW_MS + 1)).batch);
    expect(second.get(gone)).toBe('stale');
    expect(second.get('node_arp_entries{device="eth0"}')).toBe(1);
    expect(seriesOf((await collector.collect(source, NOW_MS + 2)).batch).has(gone)).toBe(false);
    const end = seriesOf(collector.end(NOW_MS + 3));
    expect(new Set(end.values())).toEqual(new Set(['stale']));
    expect(end.has('up')).toBe(true);
    expect(end.has(gone)).toBe(false);
  });

  it('marks the series of a collector as stale that begins to fail', async () => {
    const source = new MemoryHostSource({ 'proc/loadavg': '1 2 3 4/5 6\n' });
    const collector = new HostMetricsCollector(only('loadavg'));
    await collector.collect(source, NOW_MS);
    source.files.set('proc/loadavg', '1 2 x\n');
    const series = seriesOf((await collector.collect(source, NOW_MS)).batch);
    expect(series.get('node_load1')).toBe('stale');
    expect(series.get('node_load15')).toBe('stale');
  });

  it('puts the base labels on everything and times all samples alike', async () => {
    const baseLabels = Labels.fromRecord({ job: 'node-exporter', instance: 'node-1' });
    const collector = new HostMetricsCollector({
      ...only('loadavg'),
      baseLabels,
      buildInfo: { version: '1.0.0', revision: 'abc' },
    });
    const source = new MemoryHostSource({ 'proc/loadavg': '1 2 3 4/5 6\n' });
    const { batch } = await collector.collect(source, NOW_MS);
    for (const labels of batch.labels) expect(labels.get('instance')).toBe('node-1');
    expect(new Set(batch.timesMs.subarray(0, batch.sampleCount))).toEqual(new Set([NOW_MS]));
    expect(
      seriesOf(batch).has(
        'node_exporter_build_info{instance="node-1", job="node-exporter", revision="abc", version="1.0.0"}',
      ),
    ).toBe(true);
    expect(collector.families.get('node_load1')).toEqual({
      name: 'node_load1',
      type: 'gauge',
      help: '1m load average.',
    });
  });

  it('drops and counts what is beyond the limit', async () => {
    const rows = Array.from({ length: 50 }, (_, i) => `1 2 3 4 5 eth${i}`).join('\n');
    const source = new MemoryHostSource({ 'net/arp': `head\n${rows}\n` });
    const collector = new HostMetricsCollector({ ...only('arp'), maxSeries: 10 });
    const { batch } = await collector.collect(source, NOW_MS);
    expect(batch.labels).toHaveLength(10);
    expect(collector.droppedSamples).toBe(43);
  });

  it('refuses a collector it does not know, naming those it does', () => {
    const options = { baseLabels: Labels.EMPTY, disabledCollectors: ['gpu'] };
    expect(() => new HostMetricsCollector(options)).toThrow(UnknownHostCollectorError);
    expect(() => new HostMetricsCollector(options)).toThrow(
      /"gpu"; accepted are arp, bonding, .*vmstat/,
    );
  });

  it('survives any text in any file', async () => {
    const paths = [
      'proc/stat',
      'proc/meminfo',
      'proc/vmstat',
      'proc/loadavg',
      'proc/diskstats',
      'proc/mdstat',
      'proc/1/mountinfo',
      'proc/pressure/cpu',
      'proc/sys/fs/file-nr',
      'net/dev',
      'net/snmp',
      'net/snmp6',
      'net/netstat',
      'net/sockstat',
      'net/softnet_stat',
      'net/stat/nf_conntrack',
      'net/udp',
      'net/arp',
      'root/etc/os-release',
      'root/run/udev/data/b8:0',
    ];
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom(...PROC_STAT.split('\n'), 'Tcp: A', 'Tcp: 1', '8 0 sda 1', 'md0 : active'),
      fc
        .array(fc.constantFrom('1', 'x', '-', ':', '__proto__', '|', '(F)'), { maxLength: 12 })
        .map((words) => words.join(' ')),
    );
    const text = fc.array(line, { maxLength: 6 }).map((lines) => lines.join('\n'));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 20, maxLength: 20 }), async (texts) => {
        const files = Object.fromEntries(paths.map((path, i) => [path, texts[i]!]));
        const collector = new HostMetricsCollector({ baseLabels: Labels.EMPTY });
        const { collectors } = await collector.collect(new MemoryHostSource(files), NOW_MS);
        expect(collectors).toHaveLength(hostMetricsCollectorNames.length);
      }),
      { numRuns: 200 },
    );
  });
});
