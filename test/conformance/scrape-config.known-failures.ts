/**
 * Files of Prometheus's configuration tests on which we answer otherwise. The list may only shrink: a file that begins to
 * agree fails the run until it is taken out.
 */
export const SCRAPE_CONFIG_KNOWN_FAILURES: ReadonlySet<string> = new Set([
  // Discovery other than by Kubernetes, files and HTTP is refused with the reason.
  'conf.good.yml',
  'roundtrip.good.yml',
  'scrape_interval_larger.good.yml',
  // Only UTF-8 names, unescaped.
  'scrape_config_global_validation_mode.yml',
  'scrape_config_local_global_validation_mode.yml',
  'scrape_config_local_infer_escaping.yml',
  'scrape_config_local_validation_mode.yml',
  // What other files (`scrape_config_files`) say together with this one is not looked at here.
  'scrape_config_files_duplicate.bad.yml',
  'scrape_config_files_glob.bad.yml',
  'scrape_config_files_global_duplicate.bad.yml',
]);
