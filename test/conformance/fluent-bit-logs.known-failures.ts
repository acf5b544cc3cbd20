/** Samples of Fluent Bit's that come out otherwise here. This list only gets shorter. */
export const FLUENT_BIT_KNOWN_FAILURES: readonly string[] = [
  // Files are read as UTF-8; what is not becomes U+FFFD.
  'tail/generic_enc_big5',
  'tail/generic_enc_gb18030',
  'tail/generic_enc_gbk',
  'tail/generic_enc_sjis',
  'tail/generic_enc_win1250',
  'tail/generic_enc_win1251',
  'tail/generic_enc_win1252',
  'tail/generic_enc_win1253',
  'tail/generic_enc_win1254',
  'tail/generic_enc_win1255',
  'tail/generic_enc_win1256',
  // Lines are joined before they are taken apart, so that lines of JSON with a part of a trace each are not.
  'tail/multiline_001',
];
