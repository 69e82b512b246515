interface Model {
  engine: {
    tokenize(prompt: unknown): { length: number };
    evaluate(request: unknown): Promise<{ tokens: Int32Array; logits: Float32Array }>;
  };
  processor: {
    applyChatTemplate(messages: unknown[], options?: object): unknown;
    prepareImage(file: string): Promise<unknown>;
  };
}

export function divergence(
  original: Model,
  model: Model,
  questions: readonly { file: string; prompt: string; answer: string }[],
): Promise<{ perplexity: number; divergence: number; sameToken: number }>;
