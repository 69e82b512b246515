// A picture file, asked about twice: milliseconds in the vision tower, and from either call to its first token.
import sharp from 'sharp';
import { VisionGenerator } from '../../dist/index.js';
import { openManager, turn, Workload } from './model.mjs';

const QUESTIONS = ['What is in this picture?', 'Which colours does it have?'];

await turn(async ({ tiles, repeat, ...model }) => {
  const manager = await openManager(model);
  const { info } = manager.requireModel();
  const work = new Workload(manager.requireModel());
  const vision = new VisionGenerator(manager);
  const [height, width] = work.shape(tiles).map((n) => n * info.tileSize);
  const ask = (file, question) => vision.generateWithImage(file, question, { maxTokens: 1, temperature: 0 });

  const result = { encode: [], first: [], second: [] };
  await work.generate({ promptTokens: 16, maxTokens: 1 }); // not the tower, whose single run takes minutes on a large model
  for (let i = 0; i < repeat; i++) {
    const pixels = work.noise(width * height * 3);
    const file = await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer();
    const [first, second] = [await ask(file, QUESTIONS[0]), await ask(file, QUESTIONS[1])];
    if (second.imageEncodeTime > 0) throw new Error('the second question about a picture encoded it again');
    result.encode.push(1e3 * first.imageEncodeTime);
    result.first.push(1e3 * first.timeToFirstToken);
    result.second.push(1e3 * second.timeToFirstToken);
  }
  await manager.unloadModel();
  return result;
});
