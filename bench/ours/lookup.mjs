// Lists and tables rewritten as Markdown: tokens per second, from the first token on, with prompt lookup and without.

import { TextGenerator } from '../../dist/index.js';
import { TASK_DEFAULTS } from '../../dist/vision-tasks.js';
import { openManager, turn } from './model.mjs';

const { promptLookup } = TASK_DEFAULTS.markdown;
const TEXTS = [
  'Rewrite this as a Markdown table:\nName,Price,Count\napple,120,34\nbread,450,7\ncoffee,380,12',
  'Rewrite this as a Markdown list:\ngreen garden, silver moon, paper kite, summer rain, river stone',
  '다음을 마크다운 표로 바꿔 주세요:\n이름,점수,수량\n사과,120,34\n우유,450,7\n커피,380,12',
  '다음을 마크다운 목록으로 바꿔 주세요:\n가을 바다, 은행 나무, 겨울 여행, 딸기 우유, 바람 소리',
];

await turn(async ({ repeat, ...model }) => {
  const manager = await openManager(model, { contextSize: 1024 });
  const generator = new TextGenerator(manager);
  const rewriteAll = async (lookup) => {
    const answers = [];
    let [tokens, seconds] = [0, 0];
    for (const text of TEXTS) {
      const start = performance.now();
      const answer = await generator.generate(text, { temperature: 0, maxTokens: 200, promptLookup: lookup });
      seconds += (performance.now() - start) / 1e3 - answer.timeToFirstToken;
      tokens += answer.outputTokens - 1; // the first belongs to the prompt
      answers.push(answer.response);
    }
    return { answers, speed: tokens / seconds };
  };
  const result = { plain: [], lookup: [] };
  for (let i = 0; i <= repeat; i++) {
    const [plain, lookedUp] = [await rewriteAll(0), await rewriteAll(promptLookup)];
    if (plain.answers.join('\0') !== lookedUp.answers.join('\0')) throw new Error('prompt lookup changed an answer');
    if (i === 0) continue; // warms up
    result.plain.push(plain.speed);
    result.lookup.push(lookedUp.speed);
  }
  await manager.unloadModel();
  return result;
});
