import { glob, readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { parseAlertmanagerConfig } from '#libs/dispatch';
import { type ConfigProblem, ConfigTextError } from '#libs/yaml-config';
import { ConfigDocument, type ConfigPath } from './config-document.ts';
import { movePaths } from './file-paths.ts';
import { engineDocument, type ImportTask } from './import-prometheus.ts';
import { placeOf } from './import-report.ts';
import { prune } from './prune.ts';

const FILE = 'alertmanager.yml';
/** What the Secret of an Alertmanager object has its configuration under. */
const SECRET_KEYS = ['alertmanager.yaml', 'alertmanager.yml'];

/** `alertmanager.yml`, or a manifest of the Secret it lies in, with its templates. */
export async function importAlertmanager(task: ImportTask): Promise<void> {
  const { file, path, text, output, report } = task;
  const source = fromSecret(ConfigDocument.parseAll(text, file)[0] ?? ConfigDocument.empty(), file);
  movePaths(source, { from: path, into: output.path, report });
  await takeTemplates(source, task);
  await finishAlertmanager(source, task);
}

/** Leaves out what is refused and writes the rest, with the engine's file that names it. */
export async function finishAlertmanager(
  source: ConfigDocument,
  task: Pick<ImportTask, 'file' | 'output' | 'report'>,
): Promise<void> {
  const { file, output, report } = task;
  const isGood = await prune({
    document: source,
    source: file,
    check: async (text) => problemsOf(text),
    partOf: partOfAlertmanager,
    report,
  });
  if (!isGood) return;
  output.put(FILE, source.toString());
  const engine = await engineDocument(output);
  engine.set(['alertmanager_config'], FILE);
  output.put('engine.yml', engine.toString());
  report.taken(
    `${source.size(['receivers'])} receivers and ${source.size(['inhibit_rules'])} inhibit rules into ${FILE}`,
  );
}

/** @throws ConfigDocumentError where the text inside is no YAML */
function fromSecret(document: ConfigDocument, file: string): ConfigDocument {
  if (document.text(['kind']) !== 'Secret') return document;
  for (const key of SECRET_KEYS) {
    const plain = document.text(['stringData', key]);
    const encoded = document.text(['data', key]);
    const text = plain === '' ? Buffer.from(encoded, 'base64').toString('utf8') : plain;
    if (text !== '') return ConfigDocument.parseAll(text, `${file}#${key}`)[0] ?? document;
  }
  return document;
}

async function takeTemplates(source: ConfigDocument, task: ImportTask): Promise<void> {
  const { file, path, output, report } = task;
  const taken: string[] = [];
  for (let i = 0; i < source.size(['templates']); i++) {
    const pattern = source.text(['templates', i]);
    let count = 0;
    for await (const found of glob(resolve(dirname(path), pattern))) {
      count++;
      const name = output.free(`templates/${basename(found)}`);
      output.put(name, await readFile(found, 'utf8'));
      taken.push(name);
    }
    if (count > 0) continue;
    const place = placeOf(file, source.line(['templates', i]), `templates[${i}] (${pattern})`);
    report.left(place, 'there is no such file here');
  }
  if (!source.has(['templates'])) return;
  if (taken.length > 0) source.set(['templates'], source.document.createNode(taken));
  else source.document.deleteIn(['templates']);
  report.taken(`${taken.length} template files`);
}

function problemsOf(text: string): readonly ConfigProblem[] {
  try {
    parseAlertmanagerConfig(text, FILE);
    return [];
  } catch (error) {
    if (error instanceof ConfigTextError) return error.problems;
    throw error;
  }
}

/** The smallest part of an `alertmanager.yml` that can be left out. */
function partOfAlertmanager(path: ConfigPath, document: ConfigDocument): ConfigPath | null {
  const [section, index] = path;
  switch (section) {
    case undefined:
      return null;
    case 'receivers':
      // A receiver of that name has to stay: routes lead to it.
      return path.length < 3 ? null : path;
    case 'route': {
      const child = path.findLastIndex((step) => typeof step === 'number');
      if (path.at(-1) === 'receiver') return child < 0 ? null : path.slice(0, child + 1);
      return path.length < 2 ? null : path;
    }
    case 'global':
      return path.slice(0, 2);
    default:
      return typeof index === 'number' && document.size([section]) > 0
        ? path.slice(0, 2)
        : path.slice(0, 1);
  }
}
