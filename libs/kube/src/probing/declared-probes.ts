import type { ContainerView, DeclaredCheck, DeclaredProbe, ProbeType } from '#libs/probes';
import type { Container, ContainerStatus, DeclaredProbeSpec, Pod } from '../objects/pod.ts';

const TYPES = [
  ['Liveness', 'livenessProbe'],
  ['Readiness', 'readinessProbe'],
  ['Startup', 'startupProbe'],
] as const satisfies readonly (readonly [ProbeType, keyof Container])[];

/** The API server's own defaults, for objects that have come past it. */
const DEFAULT_PERIOD_SECONDS = 10;
const DEFAULT_FAILURE_THRESHOLD = 3;

/** Everything that a pod's containers declare for the kubelet to ask. */
export function declaredProbes(pod: Pod): readonly DeclaredProbe[] {
  return probedContainers(pod).flatMap((container) =>
    TYPES.flatMap(([probeType, key]): DeclaredProbe[] => {
      const spec = container[key];
      if (spec === null) return [];
      return [
        {
          container: container.name,
          probeType,
          check: checkOf(spec, container),
          initialDelayMs: spec.initialDelaySeconds * 1_000,
          timeoutMs: (spec.timeoutSeconds || 1) * 1_000,
          periodMs: (spec.periodSeconds || DEFAULT_PERIOD_SECONDS) * 1_000,
          successThreshold: spec.successThreshold || 1,
          failureThreshold: spec.failureThreshold || DEFAULT_FAILURE_THRESHOLD,
        },
      ];
    }),
  );
}

/** Containers, and init containers that run beside them. */
function probedContainers({ spec }: Pod): readonly Container[] {
  const sidecars = spec.initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...sidecars, ...spec.containers];
}

function checkOf(spec: DeclaredProbeSpec, container: Container): DeclaredCheck {
  const { httpGet, tcpSocket, grpc } = spec;
  if (spec.exec !== null) {
    return impossible('exec runs a command inside the container, which only the kubelet can');
  }
  if (httpGet !== null) {
    if (httpGet.host !== '') return impossible(ELSEWHERE);
    const port = portOf(httpGet.port, container);
    if (port === null) return impossible(unknownPort(httpGet.port));
    return {
      kind: 'http',
      isTls: httpGet.scheme === 'HTTPS',
      port,
      path: httpGet.path,
      headers: httpGet.httpHeaders.map(({ name, value }) => [name, value] as const),
    };
  }
  if (tcpSocket !== null) {
    if (tcpSocket.host !== '') return impossible(ELSEWHERE);
    const port = portOf(tcpSocket.port, container);
    return port === null ? impossible(unknownPort(tcpSocket.port)) : { kind: 'tcp', port };
  }
  if (grpc !== null) return { kind: 'grpc', port: grpc.port, service: grpc.service };
  return impossible('a probe of a kind that is not known here');
}

const ELSEWHERE = 'the probe names a host of its own, which may be another one seen from here';

function impossible(reason: string): DeclaredCheck {
  return { kind: 'impossible', reason };
}

function unknownPort(port: string): string {
  return `the container has no port ${JSON.stringify(port)}`;
}

function portOf(wanted: string, { ports }: Container): number | null {
  const number = /^\d{1,5}$/.test(wanted)
    ? Number(wanted)
    : ports.find(({ name }) => name === wanted)?.containerPort;
  return number === undefined || number < 1 || number > 65_535 ? null : number;
}

/** A container as the kubelet last told of it; null before it has. */
export function containerView({ metadata, status }: Pod, name: string): ContainerView | null {
  const found = statusOf(status, name);
  if (found === undefined) return null;
  return {
    id: found.containerID,
    startedAtMs: found.state.running === null ? null : (found.state.running.startedAt ?? 0),
    // Kubelets before 1.18 do not tell.
    hasStarted: found.started ?? true,
    isReady: found.ready,
    isEnding: metadata.deletionTimestamp !== null,
  };
}

function statusOf(status: Pod['status'], name: string): ContainerStatus | undefined {
  const isNamed = (container: ContainerStatus): boolean => container.name === name;
  return status.containerStatuses.find(isNamed) ?? status.initContainerStatuses.find(isNamed);
}
