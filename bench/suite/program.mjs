// Runs a program and returns what it printed. Everything that is measured runs in a process of its own.
import { spawn } from 'node:child_process';
import path from 'node:path';

const LAST_LINES = 8;

/**
 * @param {string[]} command program and arguments
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeout?: number }} options seconds
 * @returns {Promise<string>} stdout
 * @throws Error with the end of what the program said
 */
export function run(command, { cwd, env, timeout = 3600 } = {}) {
  const [program, ...args] = command.map(String);
  const name = path.basename(program);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'])
      child[stream].setEncoding('utf8').on('data', (text) => {
        said[stream] += text;
      });
    const timer = setTimeout(() => child.kill('SIGKILL'), 1000 * timeout);
    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(new Error(`${name} cannot be started: ${cause.message}`, { cause }));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) return resolve(said.stdout);
      const end = (said.stderr || said.stdout).trim().split('\n').slice(-LAST_LINES).join('\n');
      const how = signal === null ? `ended with ${code}` : `was ended by ${signal} (its limit: ${timeout} s)`;
      reject(new Error(`${name} ${how}:\n${end}`));
    });
  });
}

/** The objects among the lines of an output, one a line. */
export function jsonLines(text) {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

/** The last object that a program prints. @throws Error when it prints none */
export async function runForJson(command, options) {
  const result = jsonLines(await run(command, options)).at(-1);
  if (result === undefined) throw new Error(`${path.basename(command[0])} ended well but printed no figures`);
  return result;
}
