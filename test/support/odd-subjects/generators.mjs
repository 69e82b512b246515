// Subjects: TextGenerator and VisionGenerator.
import { method } from './subject.mjs';

export function generatorsSubjects({ api, files, manager, text, vision, one, batchOne, configured }) {
  const { TextGenerator, VisionGenerator, Config } = api;
  const all = {};
  Object.assign(all, {
    TextGenerator: { args: () => [manager, new Config()], call: (...given) => new TextGenerator(...given) },
    'TextGenerator#generate': method(text, 'generate', () => ['안녕', one()]),
    'TextGenerator#chatGenerate': method(text, 'chatGenerate', () => [
      [
        { role: 'system', content: 'be brief' },
        {
          role: 'user',
          content: [
            { type: 'text', text: '?' },
            { type: 'image', image: files.image },
          ],
        },
      ],
      one(),
    ]),
    'TextGenerator#batchGenerate': method(text, 'batchGenerate', () => [['a', 'b'], batchOne()]),
  });

  Object.assign(all, {
    VisionGenerator: { args: () => [manager, new Config()], call: (...given) => new VisionGenerator(...given) },
    'VisionGenerator#generateWithImage': method(vision, 'generateWithImage', () => [files.image, '?', one()]),
    'VisionGenerator#answerVisualQuestion': method(vision, 'answerVisualQuestion', () => [files.image, '?', one()]),
    'VisionGenerator#runTask': method(vision, 'runTask', () => ['ocr', files.image, one()]),
    'VisionGenerator#batchAnalyzeImages': method(vision, 'batchAnalyzeImages', () => [[files.image], '?', batchOne()]),
  });
  all['VisionGenerator#encodeImage'] = {
    args: () => [files.image, { signal: new AbortController().signal }],
    call: async (...given) => (await vision.encodeImage(...given)).release(),
  };
  for (const name of ['describeImage', 'extractText', 'analyzeChart', 'analyzeTable', 'convertToMarkdown']) {
    all[`VisionGenerator#${name}`] = method(vision, name, () => [files.image, one()]);
  }

  all['TextGenerator#batchGenerate (configuration)'] = {
    args: () => [{ generation: { ...new Config().generation, maxTokens: 1 } }],
    call: (given) => new TextGenerator(manager, configured(given)).batchGenerate(['a']),
    inside: true,
  };
  return all;
}
