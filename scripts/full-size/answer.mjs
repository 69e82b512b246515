// Plans a model's memory, loads it and asks about a picture, in a process of its own.
//   node answer.mjs <model.gguf> <picture> <max tokens>
import { Config, ModelManager, VisionGenerator } from '../../dist/index.js';
import { peakBytes } from './peak.mjs';

const [path, picture, maxTokens] = process.argv.slice(2);
const config = new Config();
config.model.path = path;
config.hardware.contextSize = 2048;

const manager = new ModelManager(config);
const { weights, selfCache, crossCache, compute } = await manager.planMemory();
const started = performance.now();
if (!(await manager.loadModel())) throw manager.lastError;
const loadSeconds = (performance.now() - started) / 1000;

const vision = new VisionGenerator(manager, config);
const question = '이 그림을 설명해 주세요.';
const options = { maxTokens: Number(maxTokens), temperature: 0 };
const { response, outputTokens, imageEncodeTime, decodeTokensPerSecond } = await vision.generateWithImage(
  picture,
  question,
  options,
);
console.log(
  JSON.stringify({
    ...{ loadSeconds, plannedBytes: weights + selfCache + crossCache + compute, peakBytes: peakBytes() },
    ...{ response, outputTokens, imageEncodeTime, decodeTokensPerSecond },
  }),
);
await manager.unloadModel();
