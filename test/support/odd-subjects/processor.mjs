// Subjects: Processor.
import { method } from './subject.mjs';

export function processorSubjects({ files, manager }) {
  const { processor } = manager.model;
  const all = {};
  Object.assign(all, {
    'Processor#tokenize': method(processor, 'tokenize', () => [
      [{ text: 'a' }, { special: manager.model.info.eosToken }, { tokens: Int32Array.of(1) }],
    ]),
    'Processor#detokenize': method(processor, 'detokenize', () => [[1, 2]]),
    'Processor#applyChatTemplate': method(processor, 'applyChatTemplate', () => [
      [
        { role: 'system', content: 'be brief', name: 'x' },
        { role: 'user', content: [{ type: 'text', text: 'hi' }, { type: 'image' }] },
      ],
      { addGenerationPrompt: true, dateString: '26 Jul 2024', now: new Date(), tools: [{ name: 'search' }] },
    ]),
    'Processor#readImage': method(processor, 'readImage', () => [files.image, new AbortController().signal]),
    'Processor#prepareImage': method(processor, 'prepareImage', () => [
      files.image,
      {
        limits: { maxBytes: 1e6, maxPixels: 1e6, maxSide: 1000, maxSeconds: 1 },
        ...{ upright: true, signal: new AbortController().signal },
      },
    ]),
  });
  return all;
}
