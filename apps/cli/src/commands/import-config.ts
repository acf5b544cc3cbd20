import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Command, type CommandIo, CommandUsageError, type ExitCode } from '../command.ts';
import { readNamedFile, UnreadableFileError } from '../command-files.ts';
import { ConfigDocumentError } from '../import/config-document.ts';
import { importAlertmanager } from '../import/import-alertmanager.ts';
import { importManifests } from '../import/import-manifests.ts';
import { importPrometheus, type ImportTask } from '../import/import-prometheus.ts';
import { ImportReport } from '../import/import-report.ts';
import { addKustomization, isGenerated } from '../import/kustomization.ts';
import { OutputFolder } from '../import/output-folder.ts';
import { askService } from '../import/service-check.ts';

const OPTIONS = '[--out DIR] [--engine URL] [--overlay NAME|DIR|none] [--force]';
const DEFAULT_FOLDER = 'imported';
const MAX_FILES = 10_000;
/** What one import after the other adds to. */
const MERGEABLE = ['engine.yml'];
/** Where the manifests' own overlays lie, as seen from the program: built, or its source. */
const OVERLAYS = ['../../../../../', '../../../../'].map((root) =>
  fileURLToPath(new URL(`${root}deploy/overlays`, import.meta.url)),
);

/** `binnacle import prometheus FILE`. */
export const importPrometheusCommand: Command = {
  name: 'import prometheus',
  usage: `FILE ${OPTIONS}`,
  summary: 'make collector.yml, engine.yml and rules of a prometheus.yml, and say what is left out',
  run: (args, io) => importFile(args, io, importPrometheus),
};

/** `binnacle import alertmanager FILE`. */
export const importAlertmanagerCommand: Command = {
  name: 'import alertmanager',
  usage: `FILE ${OPTIONS}`,
  summary: 'take over an alertmanager.yml, or the Secret it lies in, and say what is left out',
  run: (args, io) => importFile(args, io, importAlertmanager),
};

/** `binnacle import manifests FILE|DIR…`. */
export const importManifestsCommand: Command = {
  name: 'import manifests',
  usage: `FILE|DIR… ${OPTIONS}`,
  summary: 'make files of the Prometheus Operator’s objects, and say what is left out',
  async run(args, io) {
    const { positionals, common } = parseOptions(args, io);
    if (positionals.length === 0) throw new CommandUsageError('takes files or folders');
    const names: string[] = [];
    for (const path of positionals) names.push(...(await manifestsIn(path, io)));
    if (names.length > MAX_FILES) {
      throw new CommandUsageError(`${names.length} files; at most ${MAX_FILES} are taken`);
    }
    return await withOutput(common, io, async (task) => {
      const files = [];
      for (const file of names)
        files.push({ file, text: await readFile(inFolder(file, io), 'utf8') });
      await importManifests({ ...task, files });
    });
  },
};

interface CommonOptions {
  readonly out: string;
  readonly engineUrl: string;
  readonly force: boolean;
  /** Null where nothing for kustomize is wanted, '' for a component. */
  readonly overlay: string | null;
}

type CommonTask = Omit<ImportTask, 'file' | 'path' | 'text'>;

async function importFile(
  args: readonly string[],
  io: CommandIo,
  run: (task: ImportTask) => Promise<void>,
): Promise<ExitCode> {
  const { positionals, common } = parseOptions(args, io);
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) throw new CommandUsageError('takes one file');
  let text: string;
  try {
    text = await readNamedFile(file, io);
  } catch (error) {
    if (error instanceof UnreadableFileError) throw new CommandUsageError(error.message);
    throw error;
  }
  return await withOutput(common, io, (task) =>
    run({ ...task, file, path: inFolder(file, io), text }),
  );
}

/** Writes nothing unless the whole import comes to its end. */
async function withOutput(
  { out, engineUrl, force, overlay }: CommonOptions,
  io: CommandIo,
  run: (task: CommonTask) => Promise<void>,
): Promise<ExitCode> {
  const report = new ImportReport();
  const folder = inFolder(out, io);
  await mkdir(folder, { recursive: true });
  const output = new OutputFolder(folder, { overwrites: force });
  try {
    await run({ engineUrl, output, report, askService: io.askService ?? askService });
  } catch (error) {
    if (!(error instanceof ConfigDocumentError)) throw error;
    io.err(`${error.message}\n`);
    return 1;
  }
  if (overlay !== null) {
    const base = overlay === '' ? null : relative(folder, await overlayFolder(overlay, io));
    await addKustomization({ overlay: base, engineUrl, output, report });
  }
  await output.write(MERGEABLE, isGenerated);
  for (const name of output.names) io.out(`written: ${join(out, name)}\n`);
  return report.print(io);
}

function parseOptions(
  args: readonly string[],
  io: CommandIo,
): { readonly positionals: readonly string[]; readonly common: CommonOptions } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: {
        out: { type: 'string', default: DEFAULT_FOLDER },
        engine: { type: 'string' },
        force: { type: 'boolean', default: false },
        overlay: { type: 'string' },
      },
      allowPositionals: true,
    });
    const url = values.engine ?? io.env['BINNACLE_ENGINE'] ?? 'http://127.0.0.1:9370';
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
      throw new CommandUsageError('--engine takes a URL such as http://127.0.0.1:9370');
    }
    const engineUrl = url.replace(/\/+$/, '');
    const { out, force, overlay = null } = values;
    const common = { out, engineUrl, force, overlay: overlay === 'none' ? '' : overlay };
    return { positionals, common };
  } catch (error) {
    throw new CommandUsageError(error instanceof Error ? error.message : String(error));
  }
}

/** An overlay by its path, or one of the manifests' own by its name. @throws CommandUsageError */
async function overlayFolder(overlay: string, io: CommandIo): Promise<string> {
  const own = overlay.includes('/') ? [] : OVERLAYS.map((folder) => join(folder, overlay));
  for (const folder of [inFolder(overlay, io), ...own]) {
    const found = await stat(join(folder, 'kustomization.yaml')).catch(() => null);
    if (found !== null) return folder;
  }
  throw new CommandUsageError(
    `--overlay takes the folder of an overlay, the name of one in deploy/overlays, or none; there is no ${overlay}`,
  );
}

/** @throws CommandUsageError where there is nothing of that name */
async function manifestsIn(path: string, io: CommandIo): Promise<string[]> {
  try {
    if (!(await stat(inFolder(path, io))).isDirectory()) return [path];
    const entries = await readdir(inFolder(path, io), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name))
      .map(({ parentPath, name }) => join(parentPath, name))
      .toSorted((a, b) => (a < b ? -1 : 1));
  } catch (error) {
    throw new CommandUsageError(
      `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function inFolder(path: string, io: CommandIo): string {
  return resolve(io.cwd ?? '.', path);
}
