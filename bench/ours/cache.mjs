// The second turn of a conversation with a long history: tokens of its prompt that the engine computes, and which are new.
import { ConversationManager, TextGenerator } from '../../dist/index.js';
import { openManager, turn } from './model.mjs';

const WORDS = ['spring', 'summer', 'autumn', 'winter', '봄', '여름', '가을', '겨울'];

await turn(async ({ historyTokens, repeat, ...model }) => {
  const manager = await openManager(model, { contextSize: 2 * historyTokens + 512 });
  // What random weights write at length is not the tokens of its own text, which would have to be computed again.
  const logitBias = Object.fromEntries(Array.from(manager.processor.tokenize('spring'), (token) => [token, 100]));
  const options = { maxTokens: 1, temperature: 0, logitBias };
  const result = { computed: [], fresh: [], second: [], first: [] };
  for (let i = 0; i <= repeat; i++) {
    const conversation = new ConversationManager(new TextGenerator(manager));
    const first = await conversation.generateResponse(longText(manager.processor, historyTokens, i), options);
    const second = await conversation.generateResponse('And then?', options);
    if (second.droppedTurns > 0) throw new Error('the conversation did not fit into the context');
    if (i === 0) continue; // warms up
    result.computed.push(second.inputTokens - second.cachedTokens);
    result.fresh.push(second.inputTokens - first.inputTokens - first.outputTokens);
    result.first.push(1e3 * first.timeToFirstToken);
    result.second.push(1e3 * second.timeToFirstToken);
  }
  await manager.unloadModel();
  return result;
});

/** So many tokens or few more; no two alike from their beginning on. */
function longText(processor, tokens, number) {
  let text = `Story ${number}:`;
  for (let i = number; processor.tokenize(text).length < tokens; i++) {
    const words = Array.from({ length: 32 }, (_, k) => WORDS[(i * 5 + k * 3 + ((i * k) % 7)) % WORDS.length]);
    text += ` ${words.join(' ')}`;
  }
  return text;
}
