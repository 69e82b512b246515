// An empty project on a machine without tools, into which a package manager installs the packed package.
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './run.mjs';

const programs = fileURLToPath(new URL('programs/', import.meta.url));

/** What the launchers of pnpm call, and what every machine has. No compiler, no cmake, no git, no Python. */
const COMMON_PROGRAMS = ['sh', 'sed', 'dirname', 'uname'];

/** How each manager installs a tarball, and how it starts a program of a package: npm has one of its own for that, npx. */
const COMMANDS = {
  npm: { add: ['install', '--no-audit', '--no-fund'], execute: [], launcher: 'npx-cli.js' },
  pnpm: { add: ['add'], execute: ['exec'] },
  yarn: { add: ['add', '--non-interactive'], execute: ['--silent', 'run'] },
};

export class SmokeProject {
  #folder = mkdtempSync(path.join(tmpdir(), 'smoke-'));
  #node;
  #manager;
  #commands;
  #env;

  /** @param {{ manager: string, program: string, node: string, registry: string }} options paths of manager and Node */
  constructor({ manager, program, node, registry }) {
    this.#node = node;
    this.#manager = program;
    this.#commands = COMMANDS[manager];
    this.folder = path.join(this.#folder, 'project');
    for (const name of ['project', 'home', 'bin']) mkdirSync(path.join(this.#folder, name));
    this.#env = {
      ...(process.platform === 'win32' ? this.#windowsEnvironment() : this.#bareEnvironment()),
      npm_config_registry: registry,
      YARN_REGISTRY: registry,
    };
    writeFileSync(path.join(this.folder, 'package.json'), '{ "name": "smoke", "private": true }\n');
    cpSync(programs, this.folder, { recursive: true });
  }

  #bareEnvironment() {
    const bin = path.join(this.#folder, 'bin');
    symlinkSync(this.#node, path.join(bin, 'node'));
    const folders = (process.env.PATH ?? '').split(path.delimiter);
    for (const name of COMMON_PROGRAMS) {
      const found = folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
      if (found) symlinkSync(realpathSync(found), path.join(bin, name));
    }
    const certificates = process.env.NODE_EXTRA_CA_CERTS;
    return {
      HOME: path.join(this.#folder, 'home'),
      PATH: bin,
      LANG: 'C.UTF-8',
      ...(certificates ? { NODE_EXTRA_CA_CERTS: certificates } : {}),
    };
  }

  /** Links need a privilege there, and programs the variables of the system: only Node's folder and the system's stay. */
  #windowsEnvironment() {
    const { SystemRoot = 'C:\\Windows', ComSpec } = process.env;
    const home = path.join(this.#folder, 'home');
    const kept = { SystemRoot, ComSpec, TEMP: tmpdir(), TMP: tmpdir(), APPDATA: home, LOCALAPPDATA: home };
    return {
      ...kept,
      USERPROFILE: home,
      PATH: [path.dirname(this.#node), path.join(SystemRoot, 'System32')].join(path.delimiter),
    };
  }

  /** Installs tarballs. Returns seconds. */
  add(tarballs, flags = []) {
    const files = tarballs.map((file) => `file:${path.resolve(file)}`);
    return this.#runNode([this.#manager, ...this.#commands.add, ...flags, ...files]).seconds;
  }

  /** What the command line of the package printed, started as a user starts it. */
  bllossom(args) {
    const { execute, launcher = path.basename(this.#manager) } = this.#commands;
    return this.#runNode([path.join(path.dirname(this.#manager), launcher), ...execute, 'bllossom', ...args]);
  }

  /** Runs a file of the project. Returns what it printed, as JSON. */
  program(file) {
    return JSON.parse(this.#runNode([file]).stdout);
  }

  #runNode(args) {
    return run(this.#node, args, { cwd: this.folder, env: this.#env });
  }

  /** Bytes of the package, and of everything that was installed. */
  sizes() {
    const modules = path.join(this.folder, 'node_modules');
    return { own: bytesOf(realpathSync(path.join(modules, 'node-bllossom'))), all: bytesOf(modules) };
  }

  remove() {
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Links count as nothing: what they lead to lies in the folder as well. */
function bytesOf(entry) {
  const stat = lstatSync(entry);
  if (!stat.isDirectory()) return stat.isSymbolicLink() ? 0 : stat.size;
  return readdirSync(entry).reduce((sum, name) => sum + bytesOf(path.join(entry, name)), 0);
}
