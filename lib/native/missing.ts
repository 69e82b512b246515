/** Why the addon does not load here, and the one command that helps. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NativeMissingError } from '../errors.js';

/** What the prebuilt addons for Linux need; the release checks their symbols against it. */
export const GLIBC_FLOOR = '2.34';

const BITS_64 = ['x64', 'arm64', 'riscv64', 'loong64', 'ppc64', 's390x'];

export interface Host {
  platform: string;
  arch: string;
  /** Version of the C library; null: another one, such as musl; undefined: not Linux. */
  glibc: string | null | undefined;
}

/** @param root folder of the package @param cause what loading threw */
export function explainMissing(root: string, cause: unknown, host: Host = thisHost()): NativeMissingError {
  const where = `${host.platform}-${host.arch}, Node ${process.versions.node} (N-API ${process.versions.napi})`;
  const { why, remedy } = diagnose(root, reasonOf(cause), host);
  return new NativeMissingError(`The native addon could not be loaded on ${where}: ${why}. ${remedy}`, { cause });
}

function diagnose(root: string, reason: string, host: Host): { why: string; remedy: string } {
  const name = `${host.platform}-${host.arch}`;
  if (!BITS_64.includes(host.arch)) {
    return { why: `this Node is built for ${host.arch}, a 32-bit processor`, remedy: 'Install a 64-bit Node' };
  }
  const prebuilt = prebuiltPlatforms(root);
  const hasPrebuilt = prebuilt.includes(name);
  const own = ['Release', 'Debug'].map((type) => join(root, 'build', type)).find(holdsAddon);
  if (own !== undefined) {
    const away = hasPrebuilt ? `, or remove ${join(root, 'build')}: a prebuilt addon is there too` : '';
    return { why: `what was built in ${own} does not load (${reason})`, remedy: `${buildAdvice(root, host)}${away}` };
  }
  return { why: hasPrebuilt ? misfit(reason, host) : absence(name, prebuilt), remedy: buildAdvice(root, host) };
}

/** Why a prebuilt addon that is there does not load. */
function misfit(reason: string, { glibc }: Host): string {
  if (glibc === null) return 'the prebuilt addon needs glibc, and the C library here is another one';
  if (glibc !== undefined && isOlder(glibc, GLIBC_FLOOR)) {
    return `the prebuilt addon needs glibc ${GLIBC_FLOOR} or newer, and this is glibc ${glibc}`;
  }
  return `the prebuilt addon does not load (${reason})`;
}

function absence(name: string, prebuilt: string[]): string {
  if (prebuilt.length === 0) return 'this copy of the package holds no prebuilt addon, and none was built';
  return `there is no prebuilt addon for ${name} (there is one for ${prebuilt.join(', ')}), and none was built`;
}

function buildAdvice(root: string, { platform }: Host): string {
  const command = 'Build it from source with "npx bllossom build"; this takes some minutes and needs';
  const file = join(root, 'scripts', 'compilers.json');
  if (!existsSync(file)) return `${command} CMake and a C++17 compiler`; // a bundler has taken the program out of its folder
  const { cmake, get } = JSON.parse(readFileSync(file, 'utf8')) as { cmake: string; get: Record<string, string> };
  return `${command} CMake ${cmake} or newer and a C++17 compiler (${get[platform] ?? get.other})`;
}

function prebuiltPlatforms(root: string): string[] {
  const folder = join(root, 'prebuilds');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => holdsAddon(join(folder, name)));
}

function holdsAddon(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((file) => file.endsWith('.node'));
}

function reasonOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n')[0] as string;
}

/** Whether "2.9" comes before "2.34". */
function isOlder(version: string, floor: string): boolean {
  return version.localeCompare(floor, 'en', { numeric: true }) < 0;
}

function thisHost(): Host {
  const { platform, arch } = process;
  if (platform !== 'linux') return { platform, arch, glibc: undefined };
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return { platform, arch, glibc: header.glibcVersionRuntime ?? null };
}
