/** One measured figure beside what is asked of it. */
export interface Finding {
  readonly benchmark: string;
  readonly what: string;
  /** In words, such as `<= 1/5`; empty where nothing is asked. */
  readonly asked: string;
  /** Whether it is met; null where nothing is asked. */
  readonly isMet: boolean | null;
  readonly measured: string;
  /** The absolute figures, which mean nothing on another machine. */
  readonly detail: string;
}

/** Ours against Prometheus's, at most `limit` of it. */
export function ratioFinding(
  benchmark: string,
  what: string,
  limit: number,
  ours: number,
  theirs: number,
  detail: string,
): Finding {
  const ratio = ours / theirs;
  return {
    benchmark,
    what,
    asked: `<= ${asFraction(limit)}`,
    isMet: ratio <= limit,
    measured: asFraction(ratio),
    detail,
  };
}

/** A figure of ours alone. */
export function limitFinding(
  benchmark: string,
  what: string,
  limit: number,
  measured: number,
  unit: string,
  detail = '',
): Finding {
  return {
    benchmark,
    what,
    asked: `<= ${limit} ${unit}`,
    isMet: measured <= limit,
    measured: `${plain(measured)} ${unit}`,
    detail,
  };
}

/** `1/30` for what is below one half, otherwise a factor. */
export function asFraction(ratio: number): string {
  if (!Number.isFinite(ratio)) return String(ratio);
  return ratio <= 0.5 && ratio > 0 ? `1/${plain(1 / ratio)}` : plain(ratio);
}

/** With about three digits. */
export function plain(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return String(Number(value.toPrecision(3)));
}

/** The value below which `share` of the values lie, values in any order. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** All findings as a table. */
export function table(findings: readonly Finding[]): string {
  const rows = [
    ['benchmark', 'what', 'asked', 'measured', '', 'figures'],
    ...findings.map(({ benchmark, what, asked, measured, isMet, detail }) => [
      benchmark,
      what,
      asked,
      measured,
      isMet === null ? '' : isMet ? 'met' : 'MISSED',
      detail,
    ]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
