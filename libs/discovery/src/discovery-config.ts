import { durationMs, yamlText } from '#libs/yaml-config';
import { z } from 'zod';
import {
  checkHttpClient,
  type HttpClientConfig,
  httpClientShape,
  toHttpClientConfig,
} from './http-client-config.ts';
import { objectOfKnownKeys } from './known-keys.ts';

/** What of Kubernetes becomes targets. */
const KUBERNETES_ROLES = [
  'node',
  'pod',
  'service',
  'endpoints',
  'endpointslice',
  'ingress',
] as const;

export type KubernetesRole = (typeof KUBERNETES_ROLES)[number];

/** Which objects of a role are asked for. */
export interface KubernetesSelector {
  readonly role: KubernetesRole;
  readonly label: string;
  readonly field: string;
}

/** One block of `kubernetes_sd_configs`. */
export interface KubernetesDiscovery {
  readonly kind: 'kubernetes';
  readonly role: KubernetesRole;
  /** Null for the cluster the collector runs in, or that of its `kubernetes` section. */
  readonly apiServer: string | null;
  /** As written; whoever reads it puts what it says into `apiServer` and `http`. */
  readonly kubeconfigFile: string | null;
  readonly http: HttpClientConfig;
  /** Empty for all. */
  readonly namespaces: readonly string[];
  readonly includesOwnNamespace: boolean;
  readonly selectors: readonly KubernetesSelector[];
  readonly attachesNode: boolean;
  readonly attachesNamespace: boolean;
}

/** One block of `file_sd_configs`. */
export interface FileDiscovery {
  readonly kind: 'file';
  /** Paths whose last part may have a `*`. */
  readonly patterns: readonly string[];
  readonly refreshMs: number;
}

/** One block of `http_sd_configs`. */
export interface HttpDiscovery {
  readonly kind: 'http';
  readonly url: string;
  readonly http: HttpClientConfig;
  readonly refreshMs: number;
}

/** Where targets come from beside `static_configs`. */
export type DiscoveryConfig = KubernetesDiscovery | FileDiscovery | HttpDiscovery;

const NO_PROXY = 'this version does not discover through a proxy';

/** Keys Prometheus knows and this version cannot do. */
function cannotDo(key: string): string | null {
  if (/proxy/.test(key)) return NO_PROXY;
  if (key === 'oauth2') return 'this version does not fetch OAuth 2 tokens';
  return null;
}

/** Which selectors narrow the targets of a role. */
const SELECTOR_ROLES: Readonly<Record<KubernetesRole, readonly KubernetesRole[]>> = {
  node: ['node'],
  pod: ['pod', 'node'],
  service: ['service'],
  endpoints: ['endpoints', 'service', 'pod'],
  endpointslice: ['endpointslice', 'service', 'pod'],
  ingress: ['ingress'],
};

const role = z.enum(KUBERNETES_ROLES, { error: `accepted are ${KUBERNETES_ROLES.join(', ')}` });

const LABEL_TERM =
  /^\s*(?:!?\s*[\w./-]+|[\w./-]+\s*(?:==|=|!=)\s*[\w.-]*|[\w./-]+\s+(?:in|notin)\s*\([^()]*\)|[\w./-]+\s*[<>]\s*\d+)\s*$/;

const labelSelectorText = yamlText().refine(
  (written) =>
    written === '' || written.split(/,(?![^(]*\))/).every((term) => LABEL_TERM.test(term)),
  { error: 'not a label selector such as app=shop or app in (shop, web)' },
);

const fieldSelectorText = yamlText().refine(
  (written) =>
    written === '' || written.split(',').every((term) => /^[^=!]+(?:==|=|!=).*$/.test(term)),
  { error: 'not a field selector such as spec.nodeName=node-1' },
);

const kubernetesShape = objectOfKnownKeys(
  {
    role,
    api_server: yamlText()
      .refine((url) => url === '' || URL.canParse(url), { error: 'expected a URL' })
      .optional(),
    kubeconfig_file: yamlText().optional(),
    ...httpClientShape,
    namespaces: z
      .strictObject({
        own_namespace: z.boolean().default(false),
        names: z.array(yamlText().min(1)).default([]),
      })
      .prefault({}),
    selectors: z
      .array(
        z.strictObject({
          role,
          label: labelSelectorText.default(''),
          field: fieldSelectorText.default(''),
        }),
      )
      .default([]),
    attach_metadata: z
      .strictObject({ node: z.boolean().default(false), namespace: z.boolean().default(false) })
      .prefault({}),
  },
  cannotDo,
);

/** One block of `kubernetes_sd_configs` as Prometheus reads it. */
export const kubernetesSdSchema = kubernetesShape
  .superRefine((raw, context) => {
    const complain = (path: readonly PropertyKey[], message: string): void => {
      context.addIssue({ code: 'custom', message, path: [...path] });
    };
    checkHttpClient(raw, complain);
    const isElsewhere = (raw.api_server ?? '') !== '';
    const isByFile = (raw.kubeconfig_file ?? '') !== '';
    if (isByFile && isElsewhere) complain(['kubeconfig_file'], 'not together with api_server');
    if (isByFile && raw.namespaces.own_namespace) {
      complain(['namespaces', 'own_namespace'], 'not together with kubeconfig_file');
    }
    const keys = ['basic_auth', 'authorization', 'bearer_token', 'bearer_token_file', 'tls_config'];
    const given = keys.find((key) => Reflect.get(raw, key) !== undefined);
    if (isByFile && given !== undefined) complain([given], 'not together with kubeconfig_file');
    else if (!isElsewhere && given !== undefined) {
      complain([given], 'only of use with an api_server');
    }
    if (isElsewhere && raw.namespaces.own_namespace) {
      complain(['namespaces', 'own_namespace'], 'not together with api_server');
    }
    const accepted = [
      ...SELECTOR_ROLES[raw.role],
      ...(raw.attach_metadata.node ? (['node'] as const) : []),
    ];
    const seen = new Set<string>();
    raw.selectors.forEach((selector, index) => {
      if (!accepted.includes(selector.role)) {
        const message = `selectors of role ${raw.role} are for ${accepted.join(', ')}`;
        complain(['selectors', index, 'role'], message);
      }
      if (seen.has(selector.role)) complain(['selectors', index, 'role'], 'given twice');
      seen.add(selector.role);
    });
  })
  .transform((raw): KubernetesDiscovery => ({
    kind: 'kubernetes',
    role: raw.role,
    apiServer: (raw.api_server ?? '') === '' ? null : raw.api_server!.replace(/\/$/, ''),
    kubeconfigFile: (raw.kubeconfig_file ?? '') === '' ? null : raw.kubeconfig_file!,
    http: toHttpClientConfig(raw),
    namespaces: raw.namespaces.names,
    includesOwnNamespace: raw.namespaces.own_namespace,
    selectors: raw.selectors,
    attachesNode: raw.attach_metadata.node,
    attachesNamespace: raw.attach_metadata.namespace,
  }));

/** One block of `file_sd_configs` as Prometheus reads it. */
export const fileSdSchema = z
  .strictObject({
    files: z
      .array(
        yamlText().regex(/^[^*]*(\*[^/]*)?\.(json|yml|yaml)$/, {
          error: 'expected a path to .json, .yml or .yaml with at most one *, in its last part',
        }),
      )
      .min(1, { error: 'must not be empty' }),
    refresh_interval: durationMs({ minMs: 1_000 }).prefault('5m'),
  })
  .transform(({ files, refresh_interval: refreshMs }): FileDiscovery => ({
    kind: 'file',
    patterns: files,
    refreshMs,
  }));

/** One block of `http_sd_configs` as Prometheus reads it. */
export const httpSdSchema = objectOfKnownKeys(
  {
    url: yamlText(),
    refresh_interval: durationMs({ minMs: 1_000 }).prefault('1m'),
    ...httpClientShape,
  },
  cannotDo,
)
  .superRefine((raw, context) => {
    checkHttpClient(raw, (path, message) => {
      context.addIssue({ code: 'custom', message, path: [...path] });
    });
    const url = URL.parse(raw.url);
    const isHttp = url !== null && /^https?:$/.test(url.protocol) && url.hostname !== '';
    if (!isHttp || !/^https?:\/\/[^/]/.test(raw.url)) {
      context.addIssue({ code: 'custom', message: 'expected an http or https URL', path: ['url'] });
    }
  })
  .transform((raw): HttpDiscovery => ({
    kind: 'http',
    url: raw.url,
    http: toHttpClientConfig(raw),
    refreshMs: raw.refresh_interval,
  }));
