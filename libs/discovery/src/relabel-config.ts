import { compileLinearRegExp, isValidUtf8Name, type LinearRegExp } from '#libs/labels';
import { yamlText } from '#libs/yaml-config';
import { z } from 'zod';

/** What a relabelling rule does; Prometheus 3 knows these. */
export const RELABEL_ACTIONS = [
  'replace',
  'keep',
  'drop',
  'keepequal',
  'dropequal',
  'hashmod',
  'labelmap',
  'labeldrop',
  'labelkeep',
  'lowercase',
  'uppercase',
] as const;

export type RelabelAction = (typeof RELABEL_ACTIONS)[number];

/** One relabelling rule, checked and with its expression compiled. */
export interface RelabelRule {
  readonly action: RelabelAction;
  readonly sourceLabels: readonly string[];
  readonly separator: string;
  readonly regex: LinearRegExp;
  /** A template for `replace`, where groups of `regex` may stand in it; otherwise a label name. */
  readonly targetLabel: string;
  readonly replacement: string;
  /** For `hashmod`, an unsigned 64-bit number; 0n otherwise. */
  readonly modulus: bigint;
}

const DEFAULTS = { separator: ';', regex: '(.*)', replacement: '$1' };
const UINT64_MAX = 2n ** 64n - 1n;

const labelName = yamlText().refine(isValidUtf8Name, {
  error: 'not a valid label name; it must not be empty',
});

const rawRelabelConfig = z.strictObject({
  source_labels: z.array(labelName).nullish(),
  separator: yamlText().optional(),
  target_label: yamlText().optional(),
  // An empty `regex:` is the empty expression, not the default one.
  regex: yamlText().nullish(),
  modulus: z.union([z.int().min(0), z.string().regex(/^\d{1,20}$/)]).optional(),
  replacement: yamlText().optional(),
  action: z.string().optional(),
});

type RawRelabelConfig = z.output<typeof rawRelabelConfig>;
type Complaint = (path: keyof RawRelabelConfig | null, message: string) => void;

/**
 * One entry of `relabel_configs` or `metric_relabel_configs`, with Prometheus 3's defaults and checks
 * (`model/relabel`, UTF-8 label names).
 */
export const relabelConfigSchema = rawRelabelConfig.transform((raw, context): RelabelRule => {
  let isBad = false;
  const complain: Complaint = (path, message) => {
    isBad = true;
    context.addIssue({ code: 'custom', message, path: path === null ? [] : [path] });
  };
  const action = (raw.action ?? 'replace').toLowerCase();
  if (!isAction(action)) {
    complain('action', `unknown relabel action; accepted are ${RELABEL_ACTIONS.join(', ')}`);
    return z.NEVER;
  }
  const modulus = BigInt(raw.modulus ?? 0);
  if (modulus > UINT64_MAX) complain('modulus', 'at most 18446744073709551615 is accepted');
  checkFields(raw, action, modulus, complain);
  let regex: LinearRegExp | null = null;
  try {
    regex = compileLinearRegExp(raw.regex === undefined ? DEFAULTS.regex : (raw.regex ?? ''));
  } catch (error) {
    complain('regex', error instanceof Error ? error.message : String(error));
  }
  if (isBad || regex === null) return z.NEVER;
  return {
    action,
    sourceLabels: raw.source_labels ?? [],
    separator: raw.separator ?? DEFAULTS.separator,
    regex,
    targetLabel: raw.target_label ?? '',
    replacement: raw.replacement ?? DEFAULTS.replacement,
    modulus,
  };
});

function isAction(text: string): text is RelabelAction {
  return (RELABEL_ACTIONS as readonly string[]).includes(text);
}

function checkFields(
  raw: RawRelabelConfig,
  action: RelabelAction,
  modulus: bigint,
  complain: Complaint,
): void {
  const target = raw.target_label ?? '';
  const changes = (...keys: (keyof typeof DEFAULTS)[]): boolean =>
    keys.some((key) => raw[key] !== undefined && raw[key] !== DEFAULTS[key]);
  switch (action) {
    case 'replace':
      requireTarget(target, action, complain, /* isTemplate */ true);
      return;
    case 'hashmod':
      if (modulus === 0n) complain('modulus', 'hashmod requires a modulus that is not zero');
      requireTarget(target, action, complain, false);
      return;
    case 'lowercase':
    case 'uppercase':
      requireTarget(target, action, complain, false);
      if (changes('replacement')) complain('replacement', `cannot be set for the ${action} action`);
      return;
    case 'keepequal':
    case 'dropequal':
      requireTarget(target, action, complain, false);
      if (changes('regex', 'separator', 'replacement') || modulus !== 0n) {
        complain(null, `${action} takes only source_labels and target_label, and no other fields`);
      }
      return;
    case 'labeldrop':
    case 'labelkeep': {
      const hasSources = raw.source_labels !== undefined && raw.source_labels !== null;
      if (hasSources || target !== '' || modulus !== 0n || changes('separator', 'replacement')) {
        complain(null, `${action} takes only regex, and no other fields`);
      }
      return;
    }
    case 'labelmap':
      if (!isValidUtf8Name(raw.replacement ?? DEFAULTS.replacement)) {
        complain('replacement', 'labelmap requires a label name or a template of one');
      }
      return;
    case 'keep':
    case 'drop':
  }
}

function requireTarget(
  target: string,
  action: RelabelAction,
  complain: Complaint,
  isTemplate: boolean,
): void {
  if (target === '') complain('target_label', `the ${action} action requires target_label`);
  else if (!isValidUtf8Name(target)) {
    const accepted = isTemplate ? 'a label name or a template of one' : 'a label name';
    complain('target_label', `invalid for the ${action} action; accepted is ${accepted}`);
  }
}
