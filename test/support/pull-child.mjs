// Pulls a model until somebody kills it. Arguments: where the library lies, the cache folder, the type, the file or "".
const [library, cacheDir, type, file] = process.argv.slice(2);
const { pullModel } = await import(new URL('hub/pull.js', library).href);
const { downloaded } = await pullModel({
  ...{ model: 'test/model', type, cacheDir, threads: 1 },
  ...(file && { file }),
});
process.stdout.write(`${downloaded}`);
