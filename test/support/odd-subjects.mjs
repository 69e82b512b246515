// Everything public that can be called, with arguments that work: one entry a call. odd-values-child.mjs puts odd values
// in place of each argument, and of each property of arguments that are plain objects or arrays.
import { checkpointFilesSubjects } from './odd-subjects/checkpoint-files.mjs';
import { configSubjects } from './odd-subjects/config.mjs';
import { conversationSubjects } from './odd-subjects/conversation.mjs';
import { documentsSubjects } from './odd-subjects/documents.mjs';
import { engineSubjects } from './odd-subjects/engine.mjs';
import { errorsSubjects } from './odd-subjects/errors.mjs';
import { generationSubjects } from './odd-subjects/generation.mjs';
import { generatorsSubjects } from './odd-subjects/generators.mjs';
import { modelManagerSubjects } from './odd-subjects/model-manager.mjs';
import { modelsSubjects } from './odd-subjects/models.mjs';
import { processorSubjects } from './odd-subjects/processor.mjs';
import { reliabilitySubjects } from './odd-subjects/reliability.mjs';
import { structuredSubjects } from './odd-subjects/structured.mjs';
import { weightsSubjects } from './odd-subjects/weights.mjs';

/**
 * @returns {Record<string, import('./odd-subjects/subject.mjs').Subject>} "Class" is its constructor, "Class#method" a
 *   method; what stands in brackets behind says which of several ways to call it this is
 */
export function subjects({ api, files, manager, loadedManager }) {
  const { Config, TextGenerator, VisionGenerator } = api;
  const one = () => ({
    maxTokens: 1,
    temperature: 0,
    logitBias: { 5: 1 },
    logprobs: 1,
    reusePrompt: true,
    promptLookup: 2,
  });
  const world = {
    ...{ api, files, manager, loadedManager, one },
    text: new TextGenerator(manager),
    vision: new VisionGenerator(manager),
    batchOne: () => ({ ...one(), onProgress() {} }),
    sections: () => JSON.parse(JSON.stringify(manager.config)),
    configured: (given) => Object.defineProperties(new Config(), Object.getOwnPropertyDescriptors(given)),
  };
  return {
    ...errorsSubjects(world),
    ...configSubjects(world),
    ...modelManagerSubjects(world),
    ...processorSubjects(world),
    ...engineSubjects(world),
    ...generatorsSubjects(world),
    ...documentsSubjects(world),
    ...conversationSubjects(world),
    ...reliabilitySubjects(world),
    ...structuredSubjects(world),
    ...generationSubjects(world),
    ...weightsSubjects(world),
    ...modelsSubjects(world),
    ...checkpointFilesSubjects(world),
  };
}
