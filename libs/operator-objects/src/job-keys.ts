import type { Fields, JobKeys } from './fields.ts';

/** How an endpoint is asked, apart from where it is. */
const REQUEST_KEYS = new Map([
  ['path', 'metrics_path'],
  ['params', 'params'],
  ['interval', 'scrape_interval'],
  ['scrapeInterval', 'scrape_interval'],
  ['scrapeTimeout', 'scrape_timeout'],
  ['honorLabels', 'honor_labels'],
  ['honorTimestamps', 'honor_timestamps'],
  ['trackTimestampsStaleness', 'track_timestamps_staleness'],
  ['followRedirects', 'follow_redirects'],
  ['enableHttp2', 'enable_http2'],
  ['enableHTTP2', 'enable_http2'],
  ['enableCompression', 'enable_compression'],
]);

/** What an object says about all of its endpoints. */
const SHARED_KEYS = new Map([
  ['sampleLimit', 'sample_limit'],
  ['targetLimit', 'target_limit'],
  ['labelLimit', 'label_limit'],
  ['labelNameLengthLimit', 'label_name_length_limit'],
  ['labelValueLengthLimit', 'label_value_length_limit'],
  ['keepDroppedTargets', 'keep_dropped_targets'],
  ['bodySizeLimit', 'body_size_limit'],
  ['scrapeProtocols', 'scrape_protocols'],
  ['fallbackScrapeProtocol', 'fallback_scrape_protocol'],
  ['scrapeClassicHistograms', 'always_scrape_classic_histograms'],
  ['scrapeNativeHistograms', 'scrape_native_histograms'],
  ['convertClassicHistogramsToNHCB', 'convert_classic_histograms_to_nhcb'],
  ['nativeHistogramBucketLimit', 'native_histogram_bucket_limit'],
  ['nativeHistogramMinBucketFactor', 'native_histogram_min_bucket_factor'],
]);

const NAMED_SCHEMES = new Map([
  ['nameValidationScheme', ['metric_name_validation_scheme', 'utf8']],
  ['nameEscapingScheme', ['metric_name_escaping_scheme', 'allow-utf-8']],
] as const);

const SECRETS = 'needs a Secret, and no right to read Secrets is ever asked for';
const FILES = 'names a file of whoever scrapes, which an object of a namespace may not choose';
const NO_PROXY = 'nothing is scraped through a proxy';

const CREDENTIALS = ['basicAuth', 'authorization', 'bearerTokenSecret', 'oauth2'] as const;
const PROXY = ['proxyUrl', 'proxyFromEnvironment', 'proxyConnectHeader'] as const;

/** Keys of requests: path, times, TLS. What needs a credential is refused under its name. */
export function requestKeys(from: Fields): JobKeys {
  const keys: JobKeys = {};
  from.copy(keys, REQUEST_KEYS);
  if (from.has('scheme')) keys['scheme'] = from.text('scheme').toLowerCase();
  from.refuseAll(CREDENTIALS, SECRETS);
  from.refuseAll(['bearerTokenFile'], FILES);
  from.refuseAll(PROXY, NO_PROXY);
  from.skip('noProxy');
  if (from.has('tlsConfig')) {
    const tls = from.fields('tlsConfig');
    keys['tls_config'] = tlsKeys(tls);
    for (const path of tls.unread()) tls.refuse('', `${path} is not known`);
  }
  return keys;
}

/** Of the keys of requests those that are left where nobody is asked: the object's other words are for a prober elsewhere. */
export function probeTimes(from: Fields): JobKeys {
  const keys: JobKeys = { metrics_path: '/probe' };
  const times = ['interval', 'scrapeTimeout'] as const;
  from.copy(keys, new Map(times.map((key) => [key, REQUEST_KEYS.get(key)!])));
  from.skip(...REQUEST_KEYS.keys(), 'scheme', 'tlsConfig', ...CREDENTIALS, ...PROXY, 'noProxy');
  return keys;
}

function tlsKeys(tls: Fields): JobKeys {
  const keys: JobKeys = {};
  tls.copy(
    keys,
    new Map([
      ['insecureSkipVerify', 'insecure_skip_verify'],
      ['serverName', 'server_name'],
      ['minVersion', 'min_version'],
      ['maxVersion', 'max_version'],
    ]),
  );
  for (const key of ['ca', 'cert'] as const) {
    const source = tls.fields(key);
    source.refuseAll(['secret'], SECRETS);
    source.refuseAll(['configMap'], 'needs a ConfigMap, and no right to read those is asked for');
  }
  tls.refuseAll(['keySecret'], SECRETS);
  tls.refuseAll(['caFile', 'certFile', 'keyFile'], FILES);
  return keys;
}

/** Keys that an object has once for all of its jobs: limits and what is asked for. */
export function sharedKeys(spec: Fields): JobKeys {
  const keys: JobKeys = {};
  spec.copy(keys, SHARED_KEYS);
  for (const [key, [name, accepted]] of NAMED_SCHEMES) {
    if (!spec.has(key)) continue;
    const written = spec.text(key);
    // The objects write UTF8 and AllowUTF8.
    const plain = written.toLowerCase().replaceAll('-', '');
    if (plain === accepted.replaceAll('-', '')) keys[name] = accepted;
    else spec.refuse(key, `${written} is not done; accepted is ${accepted}`);
  }
  spec.refuseAll(
    ['scrapeClass'],
    'scrape classes are part of a Prometheus object, and there is none',
  );
  return keys;
}
