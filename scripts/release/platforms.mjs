// What a release consists of. The workflow, the check before publishing, package.json and the documentation all have to
// agree with these lists; tests compare them.

/** Folders of prebuilds/. The backend for Apple's GPUs is part of the darwin ones. */
export const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'win32-x64'];

/** Packages of their own, @node-bllossom/<name>: only who has such a GPU should have to download them. */
export const GPU_PACKAGES = ['linux-x64-cuda', 'win32-x64-cuda', 'linux-x64-vulkan', 'win32-x64-vulkan'];

export const NODE_VERSIONS = [20, 22, 24];
export const PACKAGE_MANAGERS = ['npm', 'pnpm', 'yarn'];

/** File of a backend library. @param {string} platform "linux-x64" @param {string} backend "cuda" */
export function libraryName(platform, backend) {
  return platform.startsWith('win32-') ? `ggml-${backend}.dll` : `libggml-${backend}.so`;
}
