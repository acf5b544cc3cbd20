/** What the path of a container's log file tells; texts are empty where this kind of path does not tell them. */
export interface PodLogPath {
  readonly namespace: string;
  readonly pod: string;
  /** Of a static pod the hash of its configuration. */
  readonly podUid: string;
  readonly container: string;
  readonly containerId: string;
  /** How often the container had been restarted; null where the path does not tell. */
  readonly restart: number | null;
}

const NAMESPACE = '(?<namespace>[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)';
const POD = '(?<pod>[a-z0-9][-a-z0-9.]{0,252})';
const CONTAINER = '(?<container>[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)';
const ID = '[0-9a-f]{64}';

/** `…/NAMESPACE_POD_UID/CONTAINER/RESTART.log`, and what rotation appends to it. */
const OF_KUBELET = new RegExp(
  `/${NAMESPACE}_${POD}_(?<uid>[0-9a-f-]{8,64})/${CONTAINER}/(?<restart>[0-9]{1,9})\\.log(?:\\.[0-9-]{1,32}(?:\\.gz)?)?$`,
);
/** `…/containers/POD_NAMESPACE_CONTAINER-ID.log`, the links beside them. */
const OF_LINK = new RegExp(`/${POD}_${NAMESPACE}_${CONTAINER}-(?<id>${ID})\\.log$`);
/** `…/ID/ID-json.log`, as Docker keeps them. */
const OF_DOCKER = new RegExp(`/(?<id>${ID})/\\k<id>-json\\.log(?:\\.[0-9]{1,9}(?:\\.gz)?)?$`);
const MAX_PATH_LENGTH = 4_096;

/**
 * Reads the path of a log file as the kubelet and container runtimes name them, wherever the folder is mounted.
 * @returns null for any other path
 */
export function readPodLogPath(path: string): PodLogPath | null {
  if (path.length > MAX_PATH_LENGTH) return null;
  const groups = (OF_KUBELET.exec(path) ?? OF_LINK.exec(path) ?? OF_DOCKER.exec(path))?.groups;
  if (groups === undefined) return null;
  const restart = groups['restart'];
  return {
    namespace: groups['namespace'] ?? '',
    pod: groups['pod'] ?? '',
    podUid: groups['uid'] ?? '',
    container: groups['container'] ?? '',
    containerId: groups['id'] ?? '',
    restart: restart === undefined ? null : Number(restart),
  };
}
