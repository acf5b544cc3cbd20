import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { CODE_COLORS, lines, stat, steps } from '../panels.ts';
import { CLUSTER, RATE } from '../scopes.ts';

const KUBELET = `job="kubelet", ${CLUSTER}`;
const quantile = (metric: string, by: string): string =>
  `histogram_quantile(0.99, sum by (${by}, le) (rate(${metric}_bucket{${KUBELET}}[${RATE}])))`;

/** Do the kubelets keep up? */
export function kubeletDashboard(): PlacedDashboard {
  return dashboard('Kubernetes', {
    name: 'kubelet',
    title: 'Kubelet',
    description:
      'Do the kubelets keep up with the pods, the runtime and the volumes of their nodes?',
    variables: ['cluster'],
    rows: [
      [
        'Now',
        [
          stat(
            'Kubelets down',
            'Kubelets that did not answer the last scrape.',
            `count(up{metrics_path="/metrics", ${KUBELET}} == 0) or vector(0)`,
            { steps: steps('green', [1, 'red']) },
          ),
          stat(
            'Running pods',
            'Pods that the kubelets run.',
            `sum(kubelet_running_pods{${KUBELET}})`,
          ),
          stat(
            'Running containers',
            'Containers that the kubelets run.',
            `sum(kubelet_running_containers{container_state="running", ${KUBELET}})`,
          ),
          stat(
            'Volumes',
            'Volumes that are mounted and should be.',
            `sum(volume_manager_total_volumes{state="actual_state_of_world", ${KUBELET}})`,
          ),
          stat(
            'Evictions in 1 h',
            'Pods that a kubelet evicted since its node ran out of something.',
            `sum(increase(kubelet_evictions{${KUBELET}}[1h])) or vector(0)`,
            { steps: steps('green', [1, 'orange']), decimals: 0 },
          ),
          stat(
            'Kubelets with bad settings',
            'Kubelets whose configuration could not be applied.',
            `sum(kubelet_node_config_error{${KUBELET}}) or vector(0)`,
            { steps: steps('green', [1, 'red']) },
          ),
        ],
      ],
      [
        'Pods',
        [
          lines(
            'Pod start, 99%',
            'From being seen by the kubelet to running, images included.',
            's',
            [[quantile('kubelet_pod_start_duration_seconds', 'instance'), '{{instance}}']],
            { steps: steps('green', [60, 'red']) },
          ),
          lines('Pod worker, 99%', 'One round of making a pod what it should be.', 's', [
            [quantile('kubelet_pod_worker_duration_seconds', 'instance'), '{{instance}}'],
          ]),
          lines(
            'Relisting pods, 99%',
            'How long the kubelet takes to find out what its containers do; above ten seconds the node gets unready.',
            's',
            [[quantile('kubelet_pleg_relist_duration_seconds', 'instance'), '{{instance}}']],
            { steps: steps('green', [10, 'red']) },
          ),
          lines('Between two relistings, 99%', 'One second if all is well.', 's', [
            [quantile('kubelet_pleg_relist_interval_seconds', 'instance'), '{{instance}}'],
          ]),
        ],
      ],
      [
        'Container runtime',
        [
          lines('Operations', 'Calls of the container runtime per second.', 'ops', [
            [
              `sum by (operation_type) (rate(kubelet_runtime_operations_total{${KUBELET}}[${RATE}]))`,
              '{{operation_type}}',
            ],
          ]),
          lines('Failed operations', 'Calls of the container runtime that failed.', 'ops', [
            [
              `sum by (instance, operation_type) (rate(kubelet_runtime_operations_errors_total{${KUBELET}}[${RATE}])) > 0`,
              '{{instance}} {{operation_type}}',
            ],
          ]),
          lines('Duration of operations, 99%', 'How long the container runtime takes.', 's', [
            [
              quantile('kubelet_runtime_operations_duration_seconds', 'operation_type'),
              '{{operation_type}}',
            ],
          ]),
          lines('Control groups, 99%', 'How long changes of control groups take.', 's', [
            [
              quantile('kubelet_cgroup_manager_duration_seconds', 'operation_type'),
              '{{operation_type}}',
            ],
          ]),
        ],
      ],
      [
        'Volumes and the API server',
        [
          lines('Volume operations, 99%', 'Attaching, mounting and taking off volumes.', 's', [
            [
              quantile('storage_operation_duration_seconds', 'operation_name, volume_plugin'),
              '{{operation_name}} {{volume_plugin}}',
            ],
          ]),
          lines('Failed volume operations', 'Volume operations that did not succeed.', 'ops', [
            [
              `sum by (operation_name, status) (rate(storage_operation_duration_seconds_count{status!="success", ${KUBELET}}[${RATE}])) > 0`,
              '{{operation_name}} {{status}}',
            ],
          ]),
          lines(
            'Requests to the API server',
            'By the code of the answer.',
            'reqps',
            [[`sum by (code) (rate(rest_client_requests_total{${KUBELET}}[${RATE}]))`, '{{code}}']],
            { colors: CODE_COLORS },
          ),
          lines(
            'Answers of the API server, 99%',
            'How long the kubelets wait for an answer.',
            's',
            [[quantile('rest_client_request_duration_seconds', 'verb'), '{{verb}}']],
          ),
        ],
      ],
      [
        'The process',
        [
          lines('CPU', 'Cores that each kubelet uses.', 'short', [
            [`rate(process_cpu_seconds_total{${KUBELET}}[${RATE}])`, '{{instance}}'],
          ]),
          lines('Memory', 'Memory that each kubelet holds.', 'bytes', [
            [`process_resident_memory_bytes{${KUBELET}}`, '{{instance}}'],
          ]),
        ],
      ],
    ],
  });
}
