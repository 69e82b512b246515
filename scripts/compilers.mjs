// The programs that a build from source needs: which of them are missing, and how to get them. The JSON beside this file
// is also read by the addon's loader, for its error message.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const tools = JSON.parse(readFileSync(new URL('compilers.json', import.meta.url), 'utf8'));

function versionOf(program) {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout : undefined;
}

function cmakeIsRecent() {
  const [needsMajor, needsMinor] = tools.cmake.split('.').map(Number);
  const [, major, minor] =
    versionOf('cmake')
      ?.match(/(\d+)\.(\d+)/)
      ?.map(Number) ?? [];
  return major > needsMajor || (major === needsMajor && minor >= needsMinor);
}

/** Names of the programs that are not found. Windows finds its compiler through cmake-js. */
export function missingCompilers() {
  const missing = [];
  const compilers = [process.env.CXX, 'c++', 'g++', 'clang++'].filter(Boolean);
  if (!cmakeIsRecent()) missing.push(`cmake (${tools.cmake} or newer)`);
  if (process.platform !== 'win32') {
    if (!compilers.some(versionOf)) missing.push('a C++17 compiler (g++ or clang++)');
    if (!versionOf('ninja') && !versionOf('make')) missing.push('ninja or make');
  }
  return missing;
}

/** A sentence in each language, and the command of this platform. @param {string[]} missing not empty */
export function explainMissing(missing) {
  const list = missing.join(', ');
  return [
    `building the addon from source needs: ${list}.`,
    `  소스에서 애드온을 빌드하는 데 필요한 다음이 없습니다: ${list}.`,
    `  ${tools.get[process.platform] ?? tools.get.other}`,
  ].join('\n');
}
