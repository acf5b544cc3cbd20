import { LinearSearch } from '#libs/labels';
import type { LabelChoice, Stage } from '../ast.ts';
import type { LogBatch } from '../log-source.ts';
import { JsonPathReader } from './json-path.ts';
import { JsonLineError, JsonScanner } from './json-scanner.ts';
import { compileLabelFilter, labelsOfFilter } from './label-filters.ts';
import { LabelNeeds } from './label-needs.ts';
import { Line } from './line.ts';
import { LineFilter } from './line-filter.ts';
import { LinePattern } from './line-pattern.ts';
import { LineTemplate } from './line-template.ts';
import { LogfmtScanner } from './logfmt-scanner.ts';

/** What a stage does to a line; false drops it. */
type Step = (line: Line) => boolean;

export interface PipelineOptions {
  /** The labels that are wanted behind the last stage. */
  readonly needs: LabelNeeds;
  /** What `now` gives in templates. */
  readonly nowMs: number;
}

/** The stages of a log query, compiled. One instance serves one reader at a time. */
export class Pipeline {
  /** What every line that passes has in it. */
  readonly mustContain: readonly Buffer[];
  /** Whether no stage changes the labels of a line. */
  readonly keepsLabels: boolean;
  /** Whether {@link sift} takes microseconds for each line, so that a batch is better given in pieces. */
  readonly isSlowToSift: boolean;
  readonly line = new Line();
  readonly #filters: readonly LineFilter[];
  readonly #steps: readonly Step[];
  #wanted = new Uint8Array(0);

  constructor(stages: readonly Stage[], options: PipelineOptions) {
    const filters: LineFilter[] = [];
    const steps: Step[] = [];
    const needs = needsBefore(stages, options);
    let isLineIntact = true;
    stages.forEach((stage, i) => {
      if (stage.kind === 'line-filter') {
        const filter = new LineFilter(stage.operator, stage.texts);
        // As long as the line is what was stored, its filters may come first, over whole batches.
        if (isLineIntact) filters.push(filter);
        else steps.push((line) => filter.passes(line.bytes, line.start, line.end));
        return;
      }
      if (stage.kind === 'line-format' || stage.kind === 'unpack' || stage.kind === 'decolorize') {
        isLineIntact = false;
      }
      steps.push(compileStage(stage, needs[i]!, options.nowMs));
    });
    this.#filters = filters;
    this.isSlowToSift = filters.some(({ isSlow }) => isSlow);
    this.#steps = steps;
    this.mustContain = filters.map(({ required }) => required).filter((each) => each !== null);
    this.keepsLabels = stages.every(({ kind }) => kind === 'line-filter' || kind === 'decolorize');
  }

  /** Which lines of a batch the line filters let through: 1 for those. Valid until the next call. */
  sift(batch: LogBatch): Uint8Array {
    if (this.#wanted.length < batch.count) this.#wanted = new Uint8Array(batch.count);
    const wanted = this.#wanted;
    wanted.fill(1, 0, batch.count);
    for (const filter of this.#filters) filter.sift(batch, wanted);
    return wanted;
  }

  /** Sends a line of a batch through the stages behind the line filters; {@link line} is what became of it. */
  passes(batch: LogBatch, index: number): boolean {
    const { line } = this;
    line.reset(batch, index);
    for (const step of this.#steps) if (!step(line)) return false;
    return true;
  }
}

/** For each stage, the labels that it and those behind it want. */
function needsBefore(
  stages: readonly Stage[],
  { needs, nowMs }: PipelineOptions,
): readonly LabelNeeds[] {
  const all: LabelNeeds[] = Array.from({ length: stages.length }, () => needs);
  let later = needs;
  for (let i = stages.length - 1; i >= 0; i--) {
    all[i] = later;
    const read = labelsOfStage(stages[i]!, nowMs);
    later = read === null ? LabelNeeds.ALL : later.with(read);
  }
  return all;
}

/** The labels that a stage reads, null where that may be any. */
function labelsOfStage(stage: Stage, nowMs: number): readonly string[] | null {
  switch (stage.kind) {
    case 'label-filter':
      return labelsOfFilter(stage.filter);
    case 'line-format':
      return new LineTemplate(stage.template, nowMs).labels;
    case 'label-format': {
      const names: string[] = [];
      for (const { source } of stage.assignments) {
        const read =
          source.kind === 'label' ? [source.value] : new LineTemplate(source.value, nowMs).labels;
        if (read === null) return null;
        names.push(...read);
      }
      return names;
    }
    case 'drop':
    case 'keep':
      return stage.choices.map((choice) =>
        choice.kind === 'name' ? choice.name : choice.matcher.name,
      );
    case 'line-filter':
    case 'json':
    case 'logfmt':
    case 'regexp':
    case 'pattern':
    case 'unpack':
    case 'decolorize':
      return [];
  }
}

function compileStage(
  stage: Exclude<Stage, { readonly kind: 'line-filter' }>,
  needs: LabelNeeds,
  nowMs: number,
): Step {
  switch (stage.kind) {
    case 'json':
      return stage.extractions.length === 0 ? jsonStep(needs) : jsonPathStep(stage.extractions);
    case 'logfmt':
      return logfmtStep(stage, needs);
    case 'regexp':
      return regexpStep(stage.pattern);
    case 'pattern': {
      const pattern = new LinePattern(stage.pattern);
      return (line) => {
        pattern.extract(line);
        return true;
      };
    }
    case 'unpack':
      return unpack;
    case 'decolorize':
      return decolorize;
    case 'label-filter': {
      const predicate = compileLabelFilter(stage.filter);
      return (line) => predicate(line.labels);
    }
    case 'line-format': {
      const template = new LineTemplate(stage.template, nowMs);
      return (line) => {
        const text = template.render(line);
        if (text !== null) line.replace(Buffer.from(text));
        return true;
      };
    }
    case 'label-format':
      return labelFormatStep(stage.assignments, nowMs);
    case 'drop':
      return dropStep(stage.choices);
    case 'keep':
      return keepStep(stage.choices);
  }
}

const JSON_ERROR = 'JSONParserErr';

/** Runs what reads JSON; a line that is none passes with an error. */
function readingJson(read: Step): Step {
  return (line) => {
    try {
      return read(line);
    } catch (error) {
      if (!(error instanceof JsonLineError)) throw error;
      line.labels.fail(JSON_ERROR, error.message);
      return true;
    }
  };
}

function jsonStep(needs: LabelNeeds): Step {
  const scanner = new JsonScanner(needs);
  return readingJson((line) => {
    scanner.scan(line);
    return true;
  });
}

function jsonPathStep(extractions: readonly { label: string; expression: string }[]): Step {
  const readers = extractions.map(({ label, expression }) => ({
    label,
    reader: new JsonPathReader(expression),
  }));
  return readingJson((line) => {
    for (const { label, reader } of readers) {
      line.labels.setExtracted(label, reader.read(line.bytes, line.start, line.end));
    }
    return true;
  });
}

function logfmtStep(stage: Extract<Stage, { kind: 'logfmt' }>, needs: LabelNeeds): Step {
  let renames: Map<string, string[]> | null = null;
  if (stage.extractions.length > 0) {
    renames = new Map();
    for (const { label, expression } of stage.extractions) {
      renames.set(expression, [...(renames.get(expression) ?? []), label]);
    }
  }
  const scanner = new LogfmtScanner(needs, stage.isStrict, renames);
  return (line) => {
    const reason = scanner.scan(line);
    if (reason !== null) line.labels.fail('LogfmtParserErr', reason);
    return true;
  };
}

function regexpStep(pattern: string): Step {
  const search = new LinearSearch(pattern);
  const groups = [...search.groupNames()].map(([name, group]) => ({ name, group }));
  const bounds = new Int32Array(search.boundCount);
  return (line) => {
    const view = line.view();
    if (!search.capture(view, bounds)) return true;
    for (const { name, group } of groups) {
      const start = bounds[group * 2]!;
      const end = bounds[group * 2 + 1]!;
      if (start >= 0) line.labels.setExtracted(name, view.toString('utf8', start, end));
    }
    return true;
  };
}

const unpack: Step = readingJson((line) => {
  let members: unknown;
  try {
    members = JSON.parse(line.text());
  } catch (error) {
    throw new JsonLineError('the line is no JSON', { cause: error });
  }
  if (typeof members !== 'object' || members === null || Array.isArray(members)) {
    throw new JsonLineError('expecting a JSON object');
  }
  for (const [name, value] of Object.entries(members)) {
    if (typeof value !== 'string') continue;
    if (name === '_entry') line.replace(Buffer.from(value));
    else if (/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) line.labels.setExtracted(name, value);
  }
  return true;
});

// Control sequences of terminals (ECMA-48): ESC [, parameters, a final byte.
// oxlint-disable-next-line no-control-regex
const COLOUR = /\u001b\[[0-9:;<=>?]*[ -/]*[@-~]/g;

const decolorize: Step = (line) => {
  const view = line.view();
  if (!view.includes(0x1b)) return true;
  line.replace(Buffer.from(view.toString('latin1').replace(COLOUR, ''), 'latin1'));
  return true;
};

function labelFormatStep(
  assignments: Extract<Stage, { kind: 'label-format' }>['assignments'],
  nowMs: number,
): Step {
  const compiled = assignments.map(({ target, source }) => ({
    target,
    from: source.kind === 'label' ? source.value : null,
    template: source.kind === 'template' ? new LineTemplate(source.value, nowMs) : null,
  }));
  return (line) => {
    const { labels } = line;
    for (const { target, from, template } of compiled) {
      if (template !== null) {
        const text = template.render(line);
        if (text !== null) labels.set(target, text);
        continue;
      }
      const value = from === null ? '' : labels.get(from);
      // What is not there is not renamed.
      if (from === null || value === '' || from === target) continue;
      labels.set(target, value);
      labels.set(from, '');
    }
    return true;
  };
}

function dropStep(choices: readonly LabelChoice[]): Step {
  return ({ labels }) => {
    for (const choice of choices) {
      const name = choice.kind === 'name' ? choice.name : choice.matcher.name;
      const value = labels.get(name);
      if (value === '') continue;
      if (choice.kind === 'name' || choice.matcher.matches(value)) labels.set(name, '');
    }
    return true;
  };
}

function keepStep(choices: readonly LabelChoice[]): Step {
  return ({ labels }) => {
    labels.retain((name, value) =>
      choices.some((choice) =>
        choice.kind === 'name'
          ? choice.name === name
          : choice.matcher.name === name && choice.matcher.matches(value),
      ),
    );
    return true;
  };
}
