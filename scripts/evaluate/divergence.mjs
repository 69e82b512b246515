// How far a quantized model's predictions are from those of the model it was made of, over the right answers of a set.

/** Log softmax of one row, as a plain sum in doubles. */
function logSoftmax(row) {
  const max = row.reduce((a, b) => Math.max(a, b));
  const log = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - max), 0));
  return Float64Array.from(row, (logit) => logit - max - log);
}

/** What a model predicts at each token of the right answer: the tokens, and rows of log probabilities. */
async function predictions({ engine, processor }, { file, prompt, answer }) {
  const asked = {
    role: 'user',
    content: [{ type: 'image' }, { type: 'text', text: prompt }],
  };
  const open = engine.tokenize(processor.applyChatTemplate([asked])).length;
  const told = [asked, { role: 'assistant', content: answer }];
  const { tokens, logits } = await engine.evaluate({
    ...{ prompt: processor.applyChatTemplate(told, { addGenerationPrompt: false }), chunk: 0 },
    images: [await processor.prepareImage(file)],
  });
  const width = logits.length / tokens.length;
  const rows = Array.from(tokens.subarray(open), (_, i) =>
    logSoftmax(logits.subarray((open + i - 1) * width, (open + i) * width)),
  );
  return { expected: tokens.subarray(open), rows };
}

const argmax = (row) => row.reduce((best, value, i) => (value > row[best] ? i : best), 0);

/**
 * Of all tokens of the answers: perplexity, mean Kullback-Leibler divergence from the original (nats), and the share where
 * both have the same likeliest token.
 */
export async function divergence(original, model, questions) {
  const sums = { tokens: 0, loss: 0, divergence: 0, same: 0 };
  for (const question of questions) {
    const [wanted, given] = [await predictions(original, question), await predictions(model, question)];
    for (const [i, token] of given.expected.entries()) {
      const [from, to] = [wanted.rows[i], given.rows[i]];
      sums.tokens += 1;
      sums.loss -= to[token];
      sums.divergence += from.reduce((sum, log, j) => sum + Math.exp(log) * (log - to[j]), 0);
      sums.same += argmax(from) === argmax(to) ? 1 : 0;
    }
  }
  return {
    perplexity: Math.exp(sums.loss / sums.tokens),
    divergence: sums.divergence / sums.tokens,
    sameToken: sums.same / sums.tokens,
  };
}
