/** TypeScript to JavaScript, without a check of types. */
export function transpile(source: string): string;
/** Compiles examples/ into build/examples. Returns that folder. */
export function compileExamples(root: string): string;
