/** Captions every picture of a folder, computed together: npm run example caption-folder photos */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { VisionGenerator, withModel } from 'node-bllossom';
import { exampleConfig } from './model.js';

const [folder = 'models/pictures'] = process.argv.slice(2);
const names = (await readdir(folder)).filter((name) => /\.(jpe?g|png|webp|gif|tiff?|avif)$/i.test(name)).sort();
const images = names.map((name) => join(folder, name));

await withModel(exampleConfig(), async (manager) => {
  const vision = new VisionGenerator(manager);
  const captions = vision.batchAnalyzeImages(images, '이 사진에 어울리는 짧은 설명을 한 문장으로 써 주세요.', {
    maxTokens: 48,
  });
  for await (const caption of captions) {
    console.log(`${names[caption.index]}: ${caption.success ? caption.response : caption.error.message}`);
  }
});
