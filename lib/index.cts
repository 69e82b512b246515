/** The CommonJS entry: the same module, so that `require` and `import` give the same classes. */
export * from './index.js';
