// Text rewritten as Markdown: tokens per second, from the first token on, with prompt lookup and without.

import { TextGenerator } from '../../dist/index.js';
import { TASK_DEFAULTS } from '../../dist/vision-tasks.js';
import { openManager, turn } from './model.mjs';

const { promptLookup, repetitionPenalty } = TASK_DEFAULTS.markdown;
/** Of words that the demo model knows: what it garbles, it does not copy. */
const TEXTS = {
  lines: [
    'Rewrite this as a Markdown list:\nHarbor monkey fence butter\nMotor apple street palace science\nMoon bike canvas tent\nWinter tower beach field shirt drum',
    '다음을 마크다운 목록으로 바꿔 주세요:\n가구 음료 선생 물고기\n양말 연구 강아지 회의\n간장 화요일 수박 숲길 산책\n외국 해변 우산 비누 영어 여름',
  ],
  tables: [
    'Rewrite this as a Markdown table:\nName,Price,Count\napple,120,34\nbread,450,7\ncoffee,380,12',
    '다음을 마크다운 표로 바꿔 주세요:\n이름,점수,수량\n사과,120,34\n우유,450,7\n커피,380,12',
  ],
};

await turn(async ({ repeat, ...model }) => {
  const manager = await openManager(model, { contextSize: 1024 });
  const generator = new TextGenerator(manager);
  const rewriteAll = async (texts, lookup) => {
    const answers = [];
    let [tokens, seconds] = [0, 0];
    for (const text of texts) {
      const start = performance.now();
      const options = { temperature: 0, maxTokens: 200, repetitionPenalty, promptLookup: lookup };
      const answer = await generator.generate(text, options);
      seconds += (performance.now() - start) / 1e3 - answer.timeToFirstToken;
      tokens += answer.outputTokens - 1; // the first belongs to the prompt
      answers.push(answer.response);
    }
    return { answers, speed: tokens / seconds };
  };
  const result = {};
  for (const [kind, texts] of Object.entries(TEXTS)) {
    const speeds = { plain: [], lookup: [] };
    for (let i = 0; i <= repeat; i++) {
      const [plain, lookedUp] = [await rewriteAll(texts, 0), await rewriteAll(texts, promptLookup)];
      if (plain.answers.join('\0') !== lookedUp.answers.join('\0')) throw new Error('prompt lookup changed an answer');
      if (i === 0) continue; // warms up
      speeds.plain.push(plain.speed);
      speeds.lookup.push(lookedUp.speed);
    }
    result[kind] = speeds;
  }
  await manager.unloadModel();
  return result;
});
