import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const OPTIONS = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true };

/** TypeScript to JavaScript, without a check of types (the lint does that). */
export function transpile(source) {
  return ts.transpileModule(source, { compilerOptions: OPTIONS }).outputText;
}

/** Compiles examples/ into build/examples, inside the package, where `import 'node-bllossom'` finds it. */
export function compileExamples(root) {
  const folder = path.join(root, 'build', 'examples');
  mkdirSync(folder, { recursive: true });
  const sources = path.join(root, 'examples');
  for (const name of readdirSync(sources).filter((file) => file.endsWith('.ts'))) {
    const code = transpile(readFileSync(path.join(sources, name), 'utf8'));
    writeFileSync(path.join(folder, name.replace(/\.ts$/, '.js')), code);
  }
  return folder;
}
