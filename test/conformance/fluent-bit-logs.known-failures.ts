/** Samples of Fluent Bit's that come out otherwise here. This list only gets shorter. */
export const FLUENT_BIT_KNOWN_FAILURES: readonly string[] = [
  // Lines are joined before they are taken apart, so that lines of JSON with a part of a trace each are not.
  'tail/multiline_001',
];
