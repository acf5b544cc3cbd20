import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

/** One instruction: its word and the rest, with continued lines joined. */
export interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** The stages of a Dockerfile: what follows each FROM, that one included. */
export function stagesOf(text: string): readonly (readonly Instruction[])[] {
  const stages: Instruction[][] = [];
  const joined = text.replaceAll(/^#.*\n/gm, '').replaceAll(/\\\n\s*/g, '');
  for (const line of joined.split('\n').filter((one) => one.trim() !== '')) {
    const [, word, rest] = /^([A-Z]+) (.+)$/.exec(line)!;
    if (word === 'FROM') stages.push([]);
    stages.at(-1)?.push({ word: word!, rest: rest! });
  }
  return stages;
}

/** What the last stage says of how the image runs. */
export interface ImageConfig {
  readonly user: string;
  readonly workingDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
}

export function imageConfig(stage: readonly Instruction[]): ImageConfig {
  const value = (word: string): string => stage.find((one) => one.word === word)?.rest ?? '';
  const env = value('ENV')
    .split(' ')
    .map((pair) => pair.split('=') as [string, string]);
  return {
    user: value('USER'),
    workingDir: value('WORKDIR'),
    env: Object.fromEntries(env),
    entrypoint: JSON.parse(value('ENTRYPOINT')) as readonly string[],
  };
}

/**
 * Does what a build stage says, without a container engine: commands run in a sandbox that sees this machine's programs,
 * and folders of ours where the stage writes.
 * @param bwrap bubblewrap's path
 * @param folders the paths that the stage writes to, and the folders that stand for them
 * @param programs folders of programs that come before those of this machine
 * @throws Error with the output of a command that fails
 */
export function runBuildStage(
  bwrap: string,
  stage: readonly Instruction[],
  context: string,
  folders: ReadonlyMap<string, string>,
  programs: readonly string[] = [],
): void {
  const searched = [...programs, process.env['PATH'] ?? ''].join(':');
  let workingDir = '/';
  for (const { word, rest } of stage) {
    if (word === 'WORKDIR') workingDir = rest;
    if (word === 'COPY') {
      const paths = rest.split(' ');
      const target = join(folders.get(workingDir)!, paths.at(-1)!);
      for (const path of paths.slice(0, -1)) copyOfContext(context, path, target, paths.length > 2);
    }
    if (word === 'RUN') {
      const args = [
        ...sandboxOfThisMachine(folders),
        '--setenv',
        'PATH',
        searched,
        '--chdir',
        workingDir,
        'sh',
        '-ec',
        rest,
      ];
      const { status, stdout, stderr } = spawnSync(bwrap, args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(`${rest}\n${stdout}${stderr}`);
    }
  }
}

/** As `.dockerignore` has it. */
const IGNORED = /\.spec\.ts$|(?:^|\/)(?:testdata|bench)(?:\/|$)/;

function copyOfContext(context: string, path: string, target: string, isFolder: boolean): void {
  const source = join(context, path);
  cpSync(source, isFolder ? join(target, basename(path)) : target, {
    recursive: true,
    filter: (file) => !IGNORED.test(relative(context, file)),
  });
}

function sandboxOfThisMachine(folders: ReadonlyMap<string, string>): string[] {
  const own = new Set([...folders.keys(), '/proc', '/dev', '/tmp']);
  const args = ['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp', '--die-with-parent'];
  for (const name of readdirSync('/').filter((one) => !own.has(`/${one}`))) {
    const path = `/${name}`;
    args.push(
      ...(lstatSync(path).isSymbolicLink()
        ? ['--symlink', readlinkSync(path), path]
        : ['--ro-bind', path, path]),
    );
  }
  // The runner's own settings of npm would point at folders that are not there.
  const cache = spawnSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).stdout.trim();
  if (existsSync(cache)) args.push('--bind', cache, cache);
  for (const [path, folder] of folders) {
    mkdirSync(folder, { recursive: true });
    args.push('--bind', folder, path);
  }
  return [...args, '--setenv', 'NODE_OPTIONS', ''];
}

/** What programs and their modules open while they run, of the C library. */
const OPENED_BY_NAME = ['libresolv.so.2', 'librt.so.1', 'libnss_files.so.2', 'libnss_dns.so.2'];

/**
 * Puts below a folder what the base image has for a program: this machine's C and C++ libraries, and nothing else of it.
 * @throws Error where the program needs any other
 */
export function layOutBase(program: string, folder: string): void {
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
  const linked = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
  const libc = linked.find((path) => basename(path) === 'libc.so.6');
  if (libc === undefined) throw new Error(`${program} is not linked to a C library: ${stdout}`);
  const other = linked.find(
    (path) => !/\/(?:ld-linux|lib(?:c|m|dl|pthread|gcc_s|stdc\+\+)\.)/.test(path),
  );
  if (other !== undefined) throw new Error(`${program} needs ${other}, which the base image lacks`);
  const named = OPENED_BY_NAME.map((name) => join(dirname(libc), name)).filter((path) =>
    existsSync(path),
  );
  for (const path of [...linked, ...named]) {
    const target = join(folder, 'usr', path.replace(/^\/usr\//, '/'));
    cpSync(realpathSync(path), target, { recursive: true });
  }
}

/**
 * The arguments of bubblewrap that run an image's files as they would be in a container: another user, no capability,
 * nothing writable but what is mounted.
 * @param image a folder with `usr` and `app`
 */
export function imageSandbox(
  image: string,
  { user, workingDir, env }: ImageConfig,
  mounts: readonly string[],
): string[] {
  const [uid, gid] = user.split(':');
  return [
    '--unshare-user',
    '--uid',
    uid!,
    '--gid',
    gid!,
    '--cap-drop',
    'ALL',
    '--clearenv',
    '--unshare-ipc',
    '--unshare-uts',
    '--die-with-parent',
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    ...['usr', 'app'].flatMap((name) => ['--ro-bind', join(image, name), `/${name}`]),
    ...['lib', 'lib64'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]),
    ...Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]),
    ...mounts,
    '--remount-ro',
    '/',
    '--chdir',
    workingDir,
  ];
}
