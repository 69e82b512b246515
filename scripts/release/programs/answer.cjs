// CommonJS: the demo model describes its picture. Prints the answer as JSON.
const { Config, ModelManager, VisionGenerator } = require('node-bllossom');
const { dirname, join } = require('node:path');

async function main() {
  const models = join(dirname(require.resolve('node-bllossom/package.json')), 'models');
  const config = new Config();
  config.model.path = join(models, 'demo.gguf');
  const manager = new ModelManager(config);
  if (!(await manager.loadModel())) throw manager.lastError;
  const options = { maxTokens: 8, temperature: 0 };
  const { response } = await new VisionGenerator(manager).describeImage(
    join(models, 'pictures', 'receipt.png'),
    options,
  );
  await manager.unloadModel();
  console.log(JSON.stringify(response));
}
main();
