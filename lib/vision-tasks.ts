/** What the named tasks ask about a picture, and how long and how freely they are answered. */

export type VisionTask = 'describe' | 'ocr' | 'chart' | 'table' | 'markdown' | 'summarize';

/** The language in which a task is put, and with it that of the answer. */
export type Language = 'ko' | 'en';
export const LANGUAGES: readonly Language[] = ['ko', 'en'];

export interface TaskDefaults {
  maxTokens: number;
  temperature: number;
  /** Where answers repeat: the rows of a table, the marks of Markdown. */
  promptLookup?: number;
  /** 1, none, where answers copy: what a page says twice is written twice, and 1,000,000 keeps its zeros. */
  repetitionPenalty?: number;
}

export const TASK_DEFAULTS: Record<VisionTask | 'question', TaskDefaults> = {
  describe: { maxTokens: 200, temperature: 0.1 },
  ocr: { maxTokens: 300, temperature: 0, promptLookup: 15, repetitionPenalty: 1 },
  chart: { maxTokens: 300, temperature: 0.1, repetitionPenalty: 1 },
  table: { maxTokens: 400, temperature: 0.1, promptLookup: 15, repetitionPenalty: 1 },
  markdown: { maxTokens: 500, temperature: 0, promptLookup: 15, repetitionPenalty: 1 },
  summarize: { maxTokens: 400, temperature: 0.1 },
  question: { maxTokens: 250, temperature: 0.1 },
};

export const TASK_PROMPTS: Record<Language, Record<VisionTask, string>> = {
  ko: {
    describe:
      '이 이미지에 무엇이 있는지 한국어로 자세히 설명해 주세요. 사람과 사물, 배경, 분위기를 빠짐없이 다뤄 주세요.',
    ocr: '이 이미지에 적힌 글자를 모두 읽어서 보이는 순서와 줄바꿈 그대로 옮겨 적어 주세요. 글자 외의 설명은 붙이지 마세요.',
    chart:
      '이 차트를 분석해 주세요. 차트의 종류와 제목, 축과 단위, 주요 수치를 먼저 적고, 이어서 눈에 띄는 추세와 차이를 설명해 주세요.',
    table:
      '이 표의 내용을 분석해 주세요. 행과 열의 구성을 밝히고, 각 칸의 값을 빠짐없이 정리한 뒤 중요한 점을 요약해 주세요.',
    markdown:
      '이 문서 이미지를 마크다운으로 옮겨 주세요. 제목, 목록, 표, 강조의 구조를 살리고, 문서에 있는 내용만 적어 주세요.',
    summarize:
      '이 문서 이미지의 핵심 내용을 한국어로 간결하게 요약해 주세요. 중요한 이름, 날짜, 수치는 빠뜨리지 마세요.',
  },
  en: {
    describe: 'Describe in detail what this image shows: people and things, the background and the mood.',
    ocr: 'Read all the text in this image and write it down in the order and with the line breaks you see. Add nothing else.',
    chart:
      'Analyze this chart. First give its kind and title, its axes and units and the main values; then explain the notable trends and differences.',
    table:
      'Analyze this table. Say how its rows and columns are organized, list the value of every cell, then summarize what matters.',
    markdown:
      'Convert this image of a document to Markdown. Keep the structure of headings, lists, tables and emphasis, and write only what the document says.',
    summarize: 'Summarize this image of a document briefly. Do not leave out important names, dates and figures.',
  },
};
