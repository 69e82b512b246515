// One turn of node-llama-cpp: tokens per second of a prompt, or of the tokens after one.
//
//   node node-llama-cpp-turn.mjs '{ "entry", "model", "threads", "promptTokens", "tokens", "repeat" }'
import { pathToFileURL } from 'node:url';

const { entry, model, threads, promptTokens, tokens, repeat } = JSON.parse(process.argv[2]);
const { getLlama } = await import(pathToFileURL(entry));
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' });
const loaded = await llama.loadModel({ modelPath: model, gpuLayers: 0 });
const contextSize = promptTokens + tokens + 8;
const context = await loaded.createContext({ contextSize, threads, flashAttention: true, batchSize: 512 });
const sequence = context.getSequence();

let start = 0;
/** Ordinary tokens, different in each repetition. */
const prompt = () => Array.from({ length: promptTokens }, (_, i) => 32 + ((start++ * 977 + i * 31) % 90));

/** Seconds to the first token, and from it to the last. */
async function once(count) {
  await sequence.clearHistory();
  const begun = performance.now();
  let first = 0;
  let written = 0;
  for await (const token of sequence.evaluate(prompt(), { temperature: 0, yieldEogToken: true })) {
    if (written === 0) first = performance.now();
    loaded.detokenize([token]);
    if (written++ === count) break;
  }
  if (written !== count + 1) throw new Error(`${written} tokens came, not ${count + 1}`);
  return { prompt: (first - begun) / 1e3, decode: (performance.now() - first) / 1e3 };
}

await once(Math.min(tokens, 8));
const values = [];
for (let i = 0; i < repeat; i++) {
  const seconds = await once(tokens);
  values.push(tokens > 0 ? tokens / seconds.decode : promptTokens / seconds.prompt);
}
console.log(JSON.stringify({ values }));
await llama.dispose();
