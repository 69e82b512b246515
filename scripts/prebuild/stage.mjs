// Called by prebuildify in place of node-gyp, in build-portable/<platform>-<arch>/stage: puts what is published into
// build/Release, where prebuildify takes it from. The tree itself stays as it was built.
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

const from = path.resolve('..', 'Release');
const into = path.resolve('build', 'Release');
/** GPU backends other than Metal are packages of their own. */
const published = /^bllossom\.node$|^(lib)?bllossom-[\w-]+\.(so|dylib|dll)$|^(lib)?ggml-(cpu|metal)[\w.-]*\.(so|dll)$/;

rmSync(into, { recursive: true, force: true });
mkdirSync(into, { recursive: true });
for (const name of readdirSync(from).filter((file) => published.test(file))) {
  copyFileSync(path.join(from, name), path.join(into, name));
}
