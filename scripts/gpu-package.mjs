#!/usr/bin/env node
// Makes the folder of a GPU package, @node-bllossom/<platform>-<backend>, from a build with that backend:
//
//   npm run build -- --cuda
//   node scripts/gpu-package.mjs --backend cuda [--from build/Release] [--platform linux-x64] [--into gpu-packages]
//
// `npm pack` and `npm publish` take the folder as it is. Its version is that of the main package, which loads no other.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { GPU_PACKAGES, libraryName } from './release/platforms.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

const BACKENDS = {
  cuda: {
    title: 'NVIDIA GPUs (CUDA)',
    needs: "NVIDIA's driver and cuBLAS of the same major version of CUDA, on the path of the system's loader",
    needsKo: 'NVIDIA 드라이버와, 같은 CUDA 주 버전의 cuBLAS가 시스템 로더의 경로에 있어야 합니다',
    licence: "The library contains NVIDIA's CUDA runtime, under the licence of the CUDA toolkit.",
  },
  vulkan: {
    title: 'GPUs with Vulkan',
    needs: 'a driver with Vulkan 1.2 or newer',
    needsKo: 'Vulkan 1.2 이상을 지원하는 드라이버가 필요합니다',
    licence: '',
  },
};

function manifest({ name, version, license, author, repository, engines }, platform, backend) {
  const [os, cpu] = platform.split('-');
  return {
    name: `@${name}/${platform}-${backend}`,
    version,
    description: `${BACKENDS[backend].title} for ${name} on ${platform}`,
    license,
    author,
    ...(repository ? { repository } : {}),
    engines,
    os: [os],
    cpu: [cpu],
    ...(os === 'linux' ? { libc: ['glibc'] } : {}),
    files: ['lib', 'licenses'],
  };
}

function readme({ name, version }, backend) {
  const { title, needs, needsKo, licence } = BACKENDS[backend];
  return `# ${name}

${title} for [node-bllossom](https://www.npmjs.com/package/node-bllossom): one library, which node-bllossom ${version} finds
and loads by itself when both are installed.

    npm install node-bllossom@${version} ${name}@${version}
    npx bllossom info

It needs ${needs}. Where it does not load, node-bllossom computes on the CPU, and \`bllossom info\` says why.

node-bllossom과 같은 버전을 함께 설치하면 저절로 쓰입니다. ${needsKo}. 불러오지 못하면 CPU로 계산하고, 그 까닭은 \`bllossom info\`가
알려 줍니다.

MIT; the library is part of ggml, Copyright (c) 2023-2026 The ggml authors, MIT (\`licenses/\`). ${licence}
`;
}

function main() {
  const { values } = parseArgs({
    options: {
      backend: { type: 'string' },
      from: { type: 'string', default: path.join(root, 'build', 'Release') },
      platform: { type: 'string', default: `${process.platform}-${process.arch}` },
      into: { type: 'string', default: path.join(root, 'gpu-packages') },
    },
  });
  const { backend, from, platform, into } = values;
  if (!GPU_PACKAGES.includes(`${platform}-${backend}`)) {
    throw new Error(`there is no package ${platform}-${backend}; known are ${GPU_PACKAGES.join(', ')}`);
  }
  const library = path.join(from, libraryName(platform, backend));
  if (!existsSync(library))
    throw new Error(`${library} is missing: run "npm run build -- --${backend}", or give --from`);

  const own = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const made = manifest(own, platform, backend);
  const folder = path.join(into, `${platform}-${backend}`);
  rmSync(folder, { recursive: true, force: true });
  for (const name of ['lib', 'licenses']) mkdirSync(path.join(folder, name), { recursive: true });
  copyFileSync(library, path.join(folder, 'lib', path.basename(library)));
  copyFileSync(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'));
  copyFileSync(path.join(root, 'vendor', 'llama.cpp', 'LICENSE'), path.join(folder, 'licenses', 'ggml.txt'));
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(made, null, 2)}\n`);
  writeFileSync(path.join(folder, 'README.md'), readme(made, backend));
  console.log(`gpu-package: ${made.name} ${made.version} is in ${folder}`);
}

try {
  main();
} catch (error) {
  console.error(`gpu-package: ${error.message}`);
  process.exitCode = 1;
}
