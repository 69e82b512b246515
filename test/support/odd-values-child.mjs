// Calls everything public with odd values and prints one JSON line per call that went wrong, then one with the sums. A
// child of test/addon/odd-values.test.ts: what crashes here is a failed test there. Its working folder is written to.
//
// node odd-values-child.mjs URL_OF_THE_LIBRARY '{"model": …, "image": …, "checkpoint": …, "config": …}' [ONLY]

import { allowsOwn } from './odd-subjects/subject.mjs';
import { subjects } from './odd-subjects.mjs';
import { NEVER_SETTLES, ODD_VALUES, THROWING_GETTER } from './odd-values.mjs';

const LIMIT_MS = 5000;

const [library, files, only] = process.argv.slice(2);
const api = await import(library);
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
console.log = () => {}; // Config.printConfig

async function loadedManager() {
  const config = new api.Config();
  config.model.path = JSON.parse(files).model;
  config.hardware.threads = 1;
  const manager = new api.ModelManager(config);
  if (!(await manager.loadModel())) throw manager.lastError;
  return manager;
}

/** Its name as programs write it; older versions of Node describe some of them otherwise. */
const wellKnown = (symbol) => Object.getOwnPropertyNames(Symbol).find((name) => Symbol[name] === symbol);

/** Names of everything that can be called: exported functions, and the methods of exported classes and of `objects`. */
function callables(objects) {
  const names = [];
  const classes = new Map(objects.map((object) => [object.constructor.name, object.constructor]));
  for (const [name, value] of Object.entries(api)) {
    if (typeof value !== 'function') continue;
    names.push(name);
    if (/^class\b/.test(String(value))) classes.set(name, value);
  }
  for (const [name, { prototype }] of classes) {
    for (const key of Reflect.ownKeys(prototype)) {
      if (key === 'constructor' || typeof Object.getOwnPropertyDescriptor(prototype, key).value !== 'function')
        continue;
      names.push(`${name}#${typeof key === 'symbol' ? `[Symbol.${wellKnown(key)}]` : key}`);
    }
  }
  return names;
}

const isPlain = (value) =>
  Array.isArray(value) ||
  (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype);

/** Paths to every argument and to every property within plain arguments. */
function pathsIn(value, path = []) {
  if (!isPlain(value)) return [path];
  return [path, ...Object.keys(value).flatMap((key) => pathsIn(value[key], [...path, key]))];
}

/** The option names that the call itself says it knows, when it is given one that it does not. */
async function knownOptions({ args, call }, at) {
  const given = args();
  if (Array.isArray(given[at]) || !isPlain(given[at])) return [];
  given[at]['no such option'] = 1;
  try {
    await call(...given);
  } catch (error) {
    return /known are (.*)$/.exec(error.message)?.[1]?.split(', ') ?? [];
  }
  return [];
}

async function pathsOf(subject) {
  const args = subject.args();
  if (args.length === 0) return [['0']];
  const [, ...paths] = pathsIn(args);
  for (const at of args.keys()) paths.push(...(await knownOptions(subject, at)).map((key) => [String(at), key]));
  const unique = new Map(paths.map((path) => [path.join('.'), path])).values();
  return [...unique].filter((path) => !subject.inside || path.length > 1);
}

/** The arguments with something else at a path. */
function replaced(args, path, descriptor) {
  let holder = args;
  for (const key of path.slice(0, -1)) holder = holder[key];
  Object.defineProperty(holder, path.at(-1), descriptor);
  return args;
}

function within(ms, work) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve('hangs'), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Options that are functions of the caller. */
const CALLBACKS = ['onToken', 'onProgress', 'onPiece', 'onRetry'];

/** "resolved", the code of a typed error, or what is wrong. */
async function outcome({ call, allows }, args, value, path = []) {
  try {
    const result = call(...args);
    // A value that is a thenable itself is not waited for: it may never settle, and is not ours.
    if (result !== value) await result;
    return 'resolved';
  } catch (error) {
    if ((CALLBACKS.includes(path.at(-1)) ? allowsOwn : allows)?.(error, value)) return "the caller's own";
    if (error instanceof api.BllossomError && error.code !== 'ERR_INTERNAL') return error.code;
    return `wrong: ${describe(error)}`;
  }
}

function describe(error) {
  try {
    const cause = error?.cause?.stack?.split('\n').slice(0, 3).join('') ?? '';
    return `${error?.constructor?.name} ${error?.code ?? ''} ${error?.stack?.split('\n').slice(0, 4).join('')} ${cause}`;
  } catch {
    return 'something that cannot be shown';
  }
}

const manager = await loadedManager();
const table = subjects({ api, files: JSON.parse(files), manager, loadedManager });
const { engine, processor } = manager.model;
const there = callables([engine, processor]);
const covered = Object.keys(table).map((name) => name.replace(/ \(.*/, ''));
const uncovered = there.filter((name) => !covered.includes(name));
const stale = covered.filter((name) => !there.includes(name));

let current;
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, (error) => print({ call: current, outcome: `${event}: ${describe(error)}` }));
}

const counts = {};
const kinds = [...ODD_VALUES.map(([name, make]) => [name, make, false]), [...THROWING_GETTER, true]];
let calls = 0;
let slowest = { ms: 0 };
for (const [name, subject] of Object.entries(table)) {
  if (only && !name.includes(only)) continue;
  const works = await within(LIMIT_MS, outcome(subject, subject.args()));
  if (works !== 'resolved') print({ call: `${name} as it should be called`, outcome: works });
  for (const path of await pathsOf(subject)) {
    for (const [kind, make, isGetter] of kinds) {
      if (isGetter && path.length === 1) continue;
      current = `${name}(${path.join('.')} = ${kind})`;
      process.stdout.write(`${JSON.stringify({ begin: current })}\n`);
      const value = isGetter ? undefined : make();
      const descriptor = isGetter ? make : { value, enumerable: true, configurable: true, writable: true };
      const start = performance.now();
      const waits = subject.waits === true && kind === NEVER_SETTLES;
      const work = outcome(subject, replaced(subject.args(), path, descriptor), value, path);
      const result = await within(waits ? 50 : LIMIT_MS, work);
      const ms = performance.now() - start;
      calls++;
      if (result.startsWith('wrong') || (result === 'hangs' && !waits)) print({ call: current, outcome: result });
      else counts[result] = (counts[result] ?? 0) + 1;
      slowest = ms > slowest.ms ? { call: current, ms } : slowest;
    }
  }
  if (!(await manager.healthCheck())) print({ call: `${name}`, outcome: 'the engine does not answer any more' });
}
const { response } = await new api.TextGenerator(manager).generate('hello', { maxTokens: 4, temperature: 0 });
await manager.unloadModel();
print({
  finished: true,
  calls,
  values: ODD_VALUES.length,
  subjects: Object.keys(table).length,
  counts,
  slowest,
  uncovered,
  stale,
  response,
});
