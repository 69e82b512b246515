// Asks a model the questions of a set and scores its answers.
import path from 'node:path';
import { Scores } from './scores.mjs';

/** Asks everything, up to `concurrency` questions at a time, and calls `onAnswer` with each. */
async function askAll(vision, questions, concurrency, onAnswer) {
  const left = questions.values();
  const worker = async () => {
    for (const question of left) {
      const options = { temperature: 0, repetitionPenalty: 1 }; // the likeliest token, as it is
      const { response } = await (question.prompt === undefined
        ? vision.runTask(question.task, question.file, options)
        : vision.generateWithImage(question.file, question.prompt, { ...options, maxTokens: 400 }));
      onAnswer(question, response);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

/**
 * @param {string} model a GGUF file
 * @returns {Promise<{ summary: object[], answers: object[] }>} scores by group (Scores.summary), sorted, and what was said
 */
export async function scoreModel(model, questions, concurrency) {
  const { Config, VisionGenerator, withModel } = await import('../../dist/index.js');
  const config = new Config();
  config.model.path = model;
  const scores = new Scores();
  const answers = [];
  await withModel(config, (manager) =>
    askAll(new VisionGenerator(manager), questions, concurrency, ({ file, prompt, task, answer, groups }, text) => {
      scores.add(['all', ...groups], text, answer);
      answers.push({ file: path.basename(file), prompt: prompt ?? task, answer, given: text });
    }),
  );
  return { summary: scores.summary().sort((a, b) => (a.group < b.group ? -1 : 1)), answers };
}
