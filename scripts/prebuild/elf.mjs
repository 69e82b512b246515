// What the linker of Linux will see in a library, read with binutils (of any architecture).
import { execFileSync } from 'node:child_process';

const read = (program, ...args) =>
  execFileSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28, env: { ...process.env, LC_ALL: 'C' } });

/** @returns {{ needed: string[], runpath: string | undefined, versions: string[], exports: string[] }} */
export function readElf(file) {
  const text = read('readelf', '-dVW', '--dyn-syms', file);
  // "    10: 0000000000001139     7 FUNC    GLOBAL DEFAULT   12 name": a number for a section says that it is defined here
  const defined = /^\s*\d+: \w+\s+\w+ \w+\s+(?:GLOBAL|WEAK)\s+DEFAULT\s+\d+ ([\w.$]+)/gm;
  return {
    needed: [...text.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name),
    runpath: text.match(/\((?:RUNPATH|RPATH)\).*\[(.*)\]/)?.[1],
    /** Of symbols that other libraries must have: "GLIBC_2.34". */
    versions: [...new Set(text.match(/\b(?:GLIBC|GLIBCXX|CXXABI|GCC)_[\d.]+/g) ?? [])],
    exports: [...text.matchAll(defined)].map(([, name]) => name),
  };
}

/** What runs only after the processor was asked (cpp/engine/block-kernels-avx2.cpp, -avx512.cpp, -amx.cpp). */
const GUARDED_SECTIONS = ['avx2_text', 'avx512_text', 'amx_text'];

/** The first instruction that needs AVX; undefined when a processor without it can run all of the file. */
export function firstAvx(file) {
  const sections = read('objdump', '-d', '--no-show-raw-insn', file).split(/^Disassembly of section /m);
  const code = sections.filter((section) => !GUARDED_SECTIONS.some((name) => section.startsWith(`${name}:`))).join('');
  return code.match(/^.*\tv\w+\s.*%[xyz]mm.*$/m)?.[0].trim();
}
