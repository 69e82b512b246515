/** Every pattern of the Python original, in TypeScript: npm run example port-of-the-reference */

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BllossomError,
  Config,
  ConnectionError,
  ConversationManager,
  DocumentProcessor,
  type GenerateOptions,
  getModelManager,
  InvalidArgumentError,
  type ModelManager,
  monitorPerformance,
  OutOfMemoryError,
  safeGenerate,
  setupEnvironment,
  TextGenerator,
  VisionGenerator,
  withModel,
} from 'node-bllossom';
import { exampleConfig } from './model.js';

const [image = 'models/pictures/receipt.png'] = process.argv.slice(2);
const short = { maxTokens: 24 };

// --- load and check ---------------------------------------------------------------------------------------------

const config = exampleConfig();
setupEnvironment(config);
const manager = getModelManager(config);
if (!(await manager.loadModel())) throw manager.lastError;

const { status, modelName, device, quantization, vramAllocated, ramAllocated } = manager.getModelInfo();
console.log({ status, modelName, device, quantization, vramAllocated, ramAllocated });
console.log('healthy:', await manager.healthCheck());

// --- generate ---------------------------------------------------------------------------------------------------

const text = new TextGenerator(manager, config);
const answer = await text.generate('한국의 전통 음식에 대해 설명해주세요.', {
  ...{ maxTokens: 32, temperature: 0.7, topP: 0.9, topK: 50, repetitionPenalty: 1.1, doSample: true },
  systemMessage: '당신은 한국 문화 전문가입니다.',
});
console.log(answer.response);
console.log(`${answer.generationTime.toFixed(2)} s, ${answer.tokensPerSecond.toFixed(1)} tokens/s`);

// --- chat -------------------------------------------------------------------------------------------------------

const reply = await text.chatGenerate(
  [
    { role: 'system', content: '당신은 친절한 도우미입니다.' },
    { role: 'user', content: '파이썬과 자바스크립트의 차이는 무엇인가요?' },
    { role: 'assistant', content: '두 언어는 쓰이는 곳이 다릅니다.' },
    { role: 'user', content: '더 자세히 알려주세요.' },
  ],
  short,
);
console.log(reply.response);

// --- batch ------------------------------------------------------------------------------------------------------

const prompts = ['서울의 날씨는?', '부산의 명소는?', '제주의 특산물은?'];
for (const [i, item] of (await text.batchGenerate(prompts, short)).entries()) {
  console.log(prompts[i], '->', item.success ? item.response : item.error.message);
}

// --- conversation -----------------------------------------------------------------------------------------------

const conversation = new ConversationManager(text, { maxHistory: 10 });
conversation.setSystemMessage('당신은 여행 안내자입니다.');
await conversation.generateResponse('제주도에 가고 싶어요.', short);
await conversation.generateResponse('며칠이 좋을까요?', short);
console.log(conversation.getHistorySummary());
const folder = await mkdtemp(join(tmpdir(), 'bllossom-example-'));
console.log('exported:', await conversation.exportConversation(join(folder, 'conversation.json')));
conversation.clearHistory();

// --- pictures ---------------------------------------------------------------------------------------------------

const vision = new VisionGenerator(manager, config);
const results = {
  free: await vision.generateWithImage(image, '이 이미지를 설명해주세요.', {
    ...short,
    temperature: 0.1,
    preprocess: true,
  }),
  describe: await vision.describeImage(image, short),
  ocr: await vision.extractText(image, short),
  chart: await vision.analyzeChart(image, short),
  table: await vision.analyzeTable(image, short),
  markdown: await vision.convertToMarkdown(image, short),
  question: await vision.answerVisualQuestion(image, '무슨 색이 보이나요?', short),
};
for (const [task, { response, imageSize }] of Object.entries(results)) console.log(task, imageSize, response);
const analyses = await vision.batchAnalyzeImages([image, image], '무엇이 보이나요?', short);
console.log(analyses.map(({ success }) => success));

// --- documents --------------------------------------------------------------------------------------------------

const documents = new DocumentProcessor(vision);
const page = await documents.processDocumentPage(image, 'extract', short);
console.log(page.response);
const report = await documents.processMultiPageDocument([image, image], 'summarize', short);
console.log(`${report.successfulPages} of ${report.totalPages} pages\n${report.combinedContent}`);

// --- errors -----------------------------------------------------------------------------------------------------

async function answerOrExplain(prompt: string, options?: GenerateOptions): Promise<string> {
  try {
    return (await text.generate(prompt, options)).response;
  } catch (error) {
    if (error instanceof OutOfMemoryError) {
      await manager.clearMemory();
      return 'out of memory: a smaller context or fewer images would fit';
    }
    if (error instanceof InvalidArgumentError) return `wrong call: ${error.message}`;
    if (error instanceof ConnectionError) return `no connection: ${error.message}`;
    if (error instanceof BllossomError) return `${error.code}: ${error.message}`;
    throw error;
  }
}
console.log(await answerOrExplain(''));
console.log(await answerOrExplain('안녕하세요?', { temperature: 9 }));

// --- retry ------------------------------------------------------------------------------------------------------

console.log((await safeGenerate(text, '안녕하세요?', { ...short, maxRetries: 3 })).response);

// --- measuring --------------------------------------------------------------------------------------------------

const measured = monitorPerformance(function describe(source: string) {
  return vision.describeImage(source, short);
});
console.log((await measured(image)).performance);

// --- many at once -----------------------------------------------------------------------------------------------

const questions = ['하나', '둘', '셋', '넷'].map((word) => text.generate(`${word}를 영어로?`, short));
console.log((await Promise.all(questions)).map(({ outputTokens }) => outputTokens));

await manager.unloadModel();

// --- own configuration ------------------------------------------------------------------------------------------

class MyConfig extends Config {
  setCreativeMode(): void {
    Object.assign(this.generation, { temperature: 0.9, topP: 0.95, topK: 100 });
  }

  setPreciseMode(): void {
    Object.assign(this.generation, { temperature: 0.1, topP: 0.8, topK: 20 });
  }
}

const mine = new MyConfig();
mine.model.path = config.model.path;
mine.setPreciseMode();
mine.saveToYaml(join(folder, 'precise.yaml'));

// --- context ----------------------------------------------------------------------------------------------------

const greeting = await withModel(mine, async (own: ModelManager) => {
  const { response, parameters } = await new TextGenerator(own, mine).generate('안녕하세요?', short);
  return `${response} (temperature ${parameters.temperature})`;
});
console.log(greeting);
