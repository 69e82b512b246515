#!/usr/bin/env node
// Checks a folder of prebuilds/ before it is published: complete, and on Linux without anything that a supported system
// may lack.
//
//   node scripts/prebuild/check.mjs prebuilds/linux-x64
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { firstAvx, readElf } from './elf.mjs';

/** The newest versions that Ubuntu 22.04, Debian 12 and RHEL 9 all have. */
const floors = { GLIBC: '2.34', GLIBCXX: '3.4.29', CXXABI: '1.3.13', GCC: '12.0.0' };
/** Libraries that Node itself needs. */
const systemLibraries = /^(libc|libm|libpthread|libdl|libstdc\+\+|libgcc_s|ld-linux-(x86-64|aarch64))\.so\.\d+$/;
const addonExports = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];

const x64 = ['x64', 'sse42', 'sandybridge', 'haswell', 'skylakex', 'cannonlake', 'cascadelake', 'icelake', 'alderlake'];
const gccOnly = ['ivybridge', 'piledriver', 'cooperlake', 'zen4', 'sapphirerapids'];
/** CPU backends that ggml makes for a platform, without those that CMakeLists.txt leaves out. */
const variants = {
  'linux-x64': [...x64, ...gccOnly],
  'darwin-x64': [...x64, ...gccOnly],
  'win32-x64': x64,
  'linux-arm64': ['armv8.0_1', 'armv8.2_1', 'armv8.2_2', 'armv8.2_3', 'armv8.6_1', 'armv8.6_2'],
  'darwin-arm64': ['apple_m1', 'apple_m2_m3', 'apple_m4'],
};

function libraryNames(platform) {
  const [start, shared, module] = { win32: ['', '.dll', '.dll'], darwin: ['lib', '.dylib', '.so'] }[platform] ?? [
    'lib',
    '.so',
    '.so',
  ];
  return {
    own: ['bllossom-ggml-base', 'bllossom-ggml', 'bllossom-llama'].map((name) => `${start}${name}${shared}`),
    cpu: (variant) => `${start}ggml-cpu-${variant}${module}`,
  };
}

/** Whether a version "2.34" is above another. */
function isAbove(version, floor) {
  const [a, b] = [version, floor].map((text) => text.split('.').map(Number));
  const at = a.findIndex((number, i) => number !== (b[i] ?? 0));
  return at >= 0 && a[at] > (b[at] ?? 0);
}

/** Problems of one file on Linux; `elf` is what readElf says of it. */
function checkElf(folder, name, elf, names, builtIn) {
  const file = path.join(folder, name);
  const { needed, runpath, versions, exports } = elf;
  const problems = [];
  for (const version of versions) {
    const [kind, number] = version.split('_');
    if (isAbove(number, floors[kind])) problems.push(`needs ${version}, the floor is ${floors[kind]}`);
  }
  for (const library of needed) {
    if (!systemLibraries.test(library) && !names.includes(library)) problems.push(`needs ${library}`);
  }
  if (runpath !== '$ORIGIN') problems.push(`looks for its libraries in ${runpath ?? 'the folders of the system'}`);
  if (readFileSync(file).includes(`${builtIn}${path.sep}`))
    problems.push(`names the folder it was built in, ${builtIn}`);
  const extra = name === 'bllossom.node' ? exports.filter((symbol) => !addonExports.includes(symbol)) : [];
  if (extra.length > 0) problems.push(`exports ${extra.slice(0, 3).join(', ')}${extra.length > 3 ? ', …' : ''}`);
  return problems.map((problem) => `${name} ${problem}`);
}

/** The file that every x64 processor runs first, and what it needs, must do without AVX. */
function checkBaseline(folder, names) {
  const baseline = names.filter((name) => !/ggml-cpu-/.test(name) || /ggml-cpu-(x64|sse42)\./.test(name));
  return baseline.flatMap((name) => {
    const instruction = firstAvx(path.join(folder, name));
    return instruction ? [`${name} needs AVX: ${instruction}`] : [];
  });
}

/** The newest version that any of the files needs. */
function newest(elves, kind) {
  const all = elves.flatMap(({ versions }) => versions).filter((version) => version.startsWith(`${kind}_`));
  const numbers = all.map((version) => version.split('_')[1]);
  return `${kind} ${numbers.reduce((top, number) => (isAbove(number, top) ? number : top), '0')}`;
}

/**
 * @param folder prebuilds/<platform>-<arch>
 * @param builtIn the folder of the sources, which no file may name
 * @returns lines that say what is there
 * @throws Error with all that is wrong
 */
export function checkPrebuild(folder, builtIn) {
  const place = path.basename(folder);
  const platform = place.split('-')[0];
  const expected = libraryNames(platform);
  if (!variants[place])
    throw new Error(`nothing is published for ${place}; known: ${Object.keys(variants).join(', ')}`);
  const names = readdirSync(folder).sort();
  const needed = ['bllossom.node', ...expected.own, ...variants[place].map(expected.cpu)];
  const problems = needed.filter((name) => !names.includes(name)).map((name) => `${name} is missing`);
  const optional = platform === 'darwin' ? ['libggml-metal.so', expected.own[0]] : [];
  const extra = names.filter((name) => !needed.includes(name) && !optional.includes(name));
  problems.push(...extra.map((name) => `${name} does not belong here`));

  const facts = [];
  if (platform === 'linux' && problems.length === 0) {
    const elves = names.map((name) => readElf(path.join(folder, name)));
    problems.push(...names.flatMap((name, i) => checkElf(folder, name, elves[i], names, builtIn)));
    if (place === 'linux-x64') problems.push(...checkBaseline(folder, names));
    facts.push(`needs ${newest(elves, 'GLIBC')} and ${newest(elves, 'GLIBCXX')}`);
  }
  if (problems.length > 0) throw new Error(`${place} cannot be published:\n  ${problems.join('\n  ')}`);
  const bytes = names.reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
  return [
    `${place}: ${names.length} files, ${(bytes / 1e6).toFixed(1)} MB, ${variants[place].length} CPU levels`,
    ...facts,
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
  try {
    for (const line of checkPrebuild(path.resolve(process.argv[2]), root)) console.log(line);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
