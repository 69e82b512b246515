// What the linker of Linux will see in a library, read with binutils (of any architecture).
import { execFileSync } from 'node:child_process';

const read = (program, ...args) =>
  execFileSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28, env: { ...process.env, LC_ALL: 'C' } });

/** @returns {{ needed: string[], runpath: string | undefined, versions: string[], exports: string[] }} */
export function readElf(file) {
  const dynamic = read('readelf', '-dW', file);
  const symbols = read('readelf', '--dyn-syms', '-W', file)
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return {
    needed: [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name),
    runpath: dynamic.match(/\((?:RUNPATH|RPATH)\).*\[(.*)\]/)?.[1],
    /** Of symbols that other libraries must have: "GLIBC_2.34". */
    versions: [...new Set(read('readelf', '-VW', file).match(/\b(?:GLIBC|GLIBCXX|CXXABI|GCC)_[\d.]+/g) ?? [])],
    exports: symbols
      .filter(
        ([, , , , bind, visibility, section]) => bind !== 'LOCAL' && visibility === 'DEFAULT' && /^\d+$/.test(section),
      )
      .map(([, , , , , , , name]) => name?.replace(/@.*/, '')),
  };
}

/** The first instruction that needs AVX; undefined when a processor without it can run all of the file. */
export function firstAvx(file) {
  const code = read('objdump', '-d', '--no-show-raw-insn', file);
  return code.match(/^.*\tv\w+\s.*%[xyz]mm.*$/m)?.[0].trim();
}
