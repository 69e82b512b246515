/** Describes a picture, as a stream: npm run example describe-image photo.jpg */

import { VisionGenerator, withModel } from 'node-bllossom';
import { exampleConfig } from './model.js';

const [image = 'models/pictures/receipt.png'] = process.argv.slice(2);

await withModel(exampleConfig(), async (manager) => {
  const description = new VisionGenerator(manager).describeImage(image);
  for await (const piece of description) process.stdout.write(piece);
  const { imageSize, imageEncodeTime, decodeTokensPerSecond } = await description;
  console.log(`\n\n${imageSize.join(' x ')}, encoded in ${imageEncodeTime.toFixed(2)} s`);
  console.log(`${decodeTokensPerSecond.toFixed(1)} tokens/s`);
});
