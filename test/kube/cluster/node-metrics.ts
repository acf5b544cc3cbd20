import type { SimNode, SimPod } from './cluster-model.ts';
import { NODE_DISK_BYTES, NODE_FILES } from './cluster-plan.ts';
import type { MetricBody, MetricSection } from './metric-body.ts';

/** What is said of a node that is well, of everything that {@link SimNode.oddities} may name. */
const USUAL: Readonly<Record<string, number>> = {
  'pleg seconds': 0.02,
  'pod worker seconds': 0.4,
  'evictions per minute': 0,
  'client certificate seconds': 250 * 86_400,
  'server certificate seconds': 250 * 86_400,
  'client renew errors per minute': 0,
  'server renew errors per minute': 0,
  'runtime errors per second': 0,
  'share of failed requests': 0.0005,
  'share of receive errors': 0,
  'share of transmit errors': 0,
  'share of drops': 0,
  conntrack: 0.05,
  'clock offset': 0.0003,
  'clock drift per minute': 0,
  'clock in sync': 1,
  'clock error': 0.02,
  'failed disks': 0,
  'bond links': 2,
  'file handles': 0.02,
  'major faults per second': 3,
  'disk queue': 0.2,
  stalled: 0.01,
  'interface flips': 0,
  'textfile errors': 0,
  'failed units': 0,
  'unit restarts per minute': 0,
};

/** What holds of a node: what is odd about it, or what is usual. */
function measure(node: SimNode, what: string): number {
  const value = node.oddities.get(what) ?? USUAL[what];
  if (value === undefined) throw new Error(`nothing measures ${what} of a node`);
  return value;
}

const SECONDS = [0.005, 0.05, 0.5, 5, 10, 60, 120];

/** What kubelet says of itself. */
export function growKubelet(
  body: MetricBody,
  node: SimNode,
  pods: readonly SimPod[],
  seconds: number,
): void {
  const own = body.section('kubelet');
  const of = (what: string): number => measure(node, what);
  const running = pods.filter(({ phase, waiting }) => phase === 'Running' && waiting === '').length;
  own.set(`kubelet_node_name{node="${node.name}"}`, 1);
  own.set('kubelet_running_pods', running);
  own.set('kubelet_running_containers{container_state="running"}', running);
  own.set('kubelet_node_config_error', 0);
  for (const state of ['actual_state_of_world', 'desired_state_of_world']) {
    own.set(`volume_manager_total_volumes{plugin_name="csi",state="${state}"}`, running);
  }
  own.add(
    'kubelet_evictions{eviction_signal="nodefs.available"}',
    (of('evictions per minute') * seconds) / 60,
  );
  own.observe('kubelet_pleg_relist_duration_seconds', '', SECONDS, {
    value: of('pleg seconds'),
    count: seconds,
  });
  own.observe('kubelet_pleg_relist_interval_seconds', '', SECONDS, { value: 1, count: seconds });
  for (const kind of ['create', 'sync', 'update']) {
    own.observe('kubelet_pod_worker_duration_seconds', `operation_type="${kind}"`, SECONDS, {
      value: of('pod worker seconds'),
      count: seconds / 3,
    });
  }
  own.observe('kubelet_pod_start_duration_seconds', '', SECONDS, { value: 2, count: seconds / 60 });
  own.observe('kubelet_cgroup_manager_duration_seconds', 'operation_type="update"', SECONDS, {
    value: 0.004,
    count: seconds,
  });
  for (const kind of ['create_container', 'list_containers', 'pull_image']) {
    own.add(`kubelet_runtime_operations_total{operation_type="${kind}"}`, seconds / 2);
    own.add(
      `kubelet_runtime_operations_errors_total{operation_type="${kind}"}`,
      of('runtime errors per second') * seconds,
    );
    own.observe(
      'kubelet_runtime_operations_duration_seconds',
      `operation_type="${kind}"`,
      SECONDS,
      {
        value: 0.03,
        count: seconds / 2,
      },
    );
  }
  for (const [status, count] of [
    ['success', seconds / 10],
    ['fail-unknown', of('runtime errors per second') * seconds],
  ] as const) {
    const labels = `migrated="false",operation_name="volume_mount",status="${status}",volume_plugin="csi"`;
    own.observe('storage_operation_duration_seconds', labels, SECONDS, { value: 0.2, count });
  }
  own.set('kubelet_certificate_manager_client_ttl_seconds', of('client certificate seconds'));
  own.set('kubelet_certificate_manager_server_ttl_seconds', of('server certificate seconds'));
  own.add(
    'kubelet_certificate_manager_client_expiration_renew_errors',
    (of('client renew errors per minute') * seconds) / 60,
  );
  own.add(
    'kubelet_server_expiration_renew_errors',
    (of('server renew errors per minute') * seconds) / 60,
  );
  own.set('kubernetes_build_info{git_version="v1.35.0",major="1",minor="35"}', 1);
  const failed = of('share of failed requests');
  const requests = 'rest_client_requests_total{host="10.0.0.1:443",method="GET"';
  own.add(`${requests},code="200"}`, 4 * seconds * (1 - failed));
  own.add(`${requests},code="500"}`, 4 * seconds * failed);
  own.observe('rest_client_request_duration_seconds', 'host="10.0.0.1:443",verb="GET"', SECONDS, {
    value: 0.01,
    count: 4 * seconds,
  });
  growProcess(own, seconds, { cores: 0.1, megabytes: 120, createdMs: 0 });
}

/** What every program says that is written with the usual client. */
export function growProcess(
  own: MetricSection,
  seconds: number,
  process: { readonly cores: number; readonly megabytes: number; readonly createdMs: number },
): void {
  own.add('process_cpu_seconds_total', process.cores * seconds);
  own.set('process_resident_memory_bytes', process.megabytes * 1024 ** 2);
  own.set('process_start_time_seconds', process.createdMs / 1_000);
  own.set('go_goroutines', 100);
}

/** What the collector reads of a node's `/proc` and `/sys`. */
export function growHost(
  body: MetricBody,
  node: SimNode,
  podCores: number,
  time: { readonly nowMs: number; readonly seconds: number },
): void {
  const own = body.section('host');
  const { seconds, nowMs } = time;
  const of = (what: string): number => measure(node, what);
  const busy = Math.min(0.99, (node.busyCores + podCores) / node.cores);
  const shares = { idle: 1 - busy, user: busy * 0.7, system: busy * 0.25, iowait: busy * 0.05 };
  for (let cpu = 0; cpu < node.cores; cpu++) {
    for (const [mode, share] of Object.entries({ ...shares, steal: 0 })) {
      own.add(`node_cpu_seconds_total{cpu="${cpu}",mode="${mode}"}`, share * seconds);
    }
  }
  const load = node.busyCores + podCores;
  for (const [minutes, value] of [
    [1, load],
    [5, load * 0.95],
    [15, load * 0.9],
  ] as const) {
    own.set(`node_load${minutes}`, value);
  }
  own.set('node_time_seconds', nowMs / 1_000);
  own.set('node_boot_time_seconds', 1_700_000_000);
  own.set(
    `node_uname_info{sysname="Linux",release="6.12.0",version="#1",machine="x86_64",nodename="${node.name}",domainname="(none)"}`,
    1,
  );
  const memory = node.memoryBytes;
  for (const [name, share] of Object.entries({
    MemTotal: 1,
    MemFree: node.memoryFree * 0.5,
    MemAvailable: node.memoryFree,
    Buffers: 0.02,
    Cached: node.memoryFree * 0.4,
    Slab: 0.03,
    SwapTotal: 0,
    SwapFree: 0,
  })) {
    own.set(`node_memory_${name}_bytes`, memory * share);
  }
  own.add('node_vmstat_pgmajfault', of('major faults per second') * seconds);
  for (const [name, rate] of Object.entries({ pgfault: 500, oom_kill: 0, pswpin: 0, pswpout: 0 })) {
    own.add(`node_vmstat_${name}`, rate * seconds);
  }
  growDisks(own, node, seconds);
  growNetwork(own, node, seconds);
  const drift = (of('clock drift per minute') * seconds) / 60;
  if (drift === 0) own.set('node_timex_offset_seconds', of('clock offset'));
  else own.add('node_timex_offset_seconds', drift);
  own.set('node_timex_sync_status', of('clock in sync'));
  own.set('node_timex_maxerror_seconds', of('clock error'));
  own.set('node_nf_conntrack_entries', 262_144 * of('conntrack'));
  own.set('node_nf_conntrack_entries_limit', 262_144);
  own.set('node_filefd_allocated', 1_000_000 * of('file handles'));
  own.set('node_filefd_maximum', 1_000_000);
  for (const kind of [
    'cpu_waiting',
    'memory_waiting',
    'memory_stalled',
    'io_waiting',
    'io_stalled',
  ]) {
    const share = kind.startsWith('cpu') ? of('stalled') : 0.005;
    own.add(`node_pressure_${kind}_seconds_total`, share * seconds);
  }
  own.set('node_textfile_scrape_error', of('textfile errors'));
  for (const state of ['active', 'failed']) {
    const isFailed = of('failed units') > 0;
    const holds = (state === 'failed') === isFailed;
    own.set(
      `node_systemd_unit_state{name="chrony.service",state="${state}",type="simple"}`,
      holds ? 1 : 0,
    );
  }
  own.add(
    'node_systemd_service_restart_total{name="nfs-client.service"}',
    (of('unit restarts per minute') * seconds) / 60,
  );
}

function growDisks(own: MetricSection, node: SimNode, seconds: number): void {
  const queue = measure(node, 'disk queue');
  const root = 'device="/dev/vda1",fstype="ext4",mountpoint="/"';
  own.set(`node_filesystem_size_bytes{${root}}`, NODE_DISK_BYTES);
  own.set(`node_filesystem_avail_bytes{${root}}`, NODE_DISK_BYTES * node.diskFree);
  own.set(`node_filesystem_free_bytes{${root}}`, NODE_DISK_BYTES * node.diskFree);
  own.set(`node_filesystem_files{${root}}`, NODE_FILES);
  own.set(`node_filesystem_files_free{${root}}`, NODE_FILES * node.filesFree);
  own.set(`node_filesystem_readonly{${root}}`, 0);
  own.set(`node_filesystem_device_error{${root},device_error=""}`, 0);
  for (const [name, rate] of Object.entries({
    read_bytes: 1e6,
    written_bytes: 2e6,
    reads_completed: 50,
    writes_completed: 80,
    io_time_seconds: Math.min(1, queue),
    io_time_weighted_seconds: queue,
    read_time_seconds: 0.1,
    write_time_seconds: 0.2,
  })) {
    own.add(`node_disk_${name}_total{device="vda"}`, rate * seconds);
  }
  const failed = measure(node, 'failed disks');
  own.set('node_md_disks_required{device="md0"}', 2);
  own.set('node_md_disks{device="md0",state="active"}', 2 - failed);
  own.set('node_md_disks{device="md0",state="failed"}', failed);
}

function growNetwork(own: MetricSection, node: SimNode, seconds: number): void {
  for (const [device, rate] of [
    ['eth0', 1],
    ['lo', 0.1],
  ] as const) {
    const labels = `{device="${device}"}`;
    for (const way of ['receive', 'transmit']) {
      const packets = 2_000 * rate * seconds;
      const errors = device === 'lo' ? 0 : measure(node, `share of ${way} errors`);
      own.add(`node_network_${way}_bytes_total${labels}`, packets * 700);
      own.add(`node_network_${way}_packets_total${labels}`, packets);
      own.add(`node_network_${way}_errs_total${labels}`, packets * errors);
      own.add(`node_network_${way}_drop_total${labels}`, packets * measure(node, 'share of drops'));
    }
    own.set(`node_network_speed_bytes${labels}`, 1.25e9);
    own.set(
      `node_network_info{device="${device}",operstate="up",duplex="full",ifalias="",address="02:00:00:00:00:01",broadcast=""}`,
      1,
    );
  }
  const flips = measure(node, 'interface flips');
  own.set('node_network_up{device="eth0"}', flips % 2 === 0 ? 1 : 0);
  own.set('node_bonding_slaves{master="bond0"}', 2);
  own.set('node_bonding_active{master="bond0"}', measure(node, 'bond links'));
  for (const [name, rate] of Object.entries({
    Tcp_OutSegs: 2_000,
    Tcp_RetransSegs: 2,
    TcpExt_TCPSynRetrans: 0.1,
  })) {
    own.add(`node_netstat_${name}`, rate * seconds);
  }
}
