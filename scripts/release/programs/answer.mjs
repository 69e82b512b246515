// An ES module: the demo model describes its picture. Prints the answer as JSON.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Config, VisionGenerator, withModel } from 'node-bllossom';

const models = join(dirname(createRequire(import.meta.url).resolve('node-bllossom/package.json')), 'models');
const config = new Config();
config.model.path = join(models, 'demo.gguf');
await withModel(config, async (manager) => {
  const options = { maxTokens: 8, temperature: 0 };
  const { response } = await new VisionGenerator(manager).describeImage(
    join(models, 'pictures', 'receipt.png'),
    options,
  );
  console.log(JSON.stringify(response));
});
