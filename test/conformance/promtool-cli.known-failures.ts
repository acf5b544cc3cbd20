/** Commands of promtool that are not about rules and that this program does not have. */
const NOT_HERE: readonly string[] = [
  '34 promtool check config prometheus-config.good.yml',
  '36 promtool check config --lint=all prometheus-config.lint.yml',
  '37 promtool check config --lint=all prometheus-config.lint.too_long_scrape_interval.yml',
  '38 promtool check config --syntax-only prometheus-config.good.yml',
  '35 promtool check config prometheus-config.bad.yml',
  '39 promtool check config prometheus-config.rules.good.yml',
  '40 promtool check web-config nosuch.yml',
  '41 promtool promql format sum(rate(a[5m]))by(b)',
  '42 promtool --experimental promql format sum(rate(a[5m]))by(b)',
  '43 promtool --experimental promql label-matchers set up job x',
  '44 promtool --experimental promql label-matchers delete up{job="x"} job',
  '45 promtool check sd prometheus-config.good.yml nope',
  '47 promtool check metrics',
  '48 promtool check metrics --extended',
  '49 promtool check metrics --lint=none',
  '50 promtool check metrics',
  '51 promtool check metrics',
  '52 promtool check metrics',
];

/** Recorded command lines that end otherwise here. The list can only shrink. */
export const PROMTOOL_KNOWN_VERDICTS: readonly string[] = NOT_HERE;

/** Recorded command lines that print something else here. The list can only shrink. */
export const PROMTOOL_KNOWN_OUTPUTS: readonly string[] = [
  ...NOT_HERE,
  // An unknown field is told with its line and group, and with those that are accepted.
  '8 promtool check rules rules_extrafields.yml',
  '22 promtool test rules rules_run_extrafields.yml',
  // The modifier is named as what it is, an experiment that is off, instead of as an unknown function.
  '12 promtool --enable-feature=promql-experimental-functions check rules features.yml',
  // The two series that are alike are named in the order of their labels.
  '25 promtool test rules bad-promql.yml',
  // The line in the file, not the column in a text made of it.
  '26 promtool test rules bad-input-series.yml',
];
