/** What the command line says, in English and Korean. */

import type { ErrorCode } from '../index.js';

const EN = {
  description: 'Run quantized Mllama vision-language models from GGUF',
  text: 'answer a prompt',
  vision: 'answer a prompt about an image',
  promptArgument: 'what to answer',
  imageArgument: 'an image file or its http(s) URL',
  prompt: 'what to say about the image',
  model: 'GGUF file (also: BLLOSSOM_MODEL, or config.yaml)',
  config: 'YAML configuration (default: config.yaml if there is one)',
  maxTokens: 'tokens at most',
  temperature: '0 (greedy) to 2',
  topP: 'above 0, up to 1',
  topK: '0: off',
  system: 'system message',
  seed: 'same seed, same text',
  stop: 'text that ends the answer; may be given several times',
  device: 'auto, cpu, cuda or the name of a device',
  threads: 'CPU threads',
  context: 'positions of the context',
  json: 'print one JSON object instead of a stream',
  verbose: 'print timings to stderr',
  convert: 'convert a Hugging Face Mllama checkpoint to one GGUF file',
  convertSource: 'folder with config.json, tokenizer.json and safetensors',
  convertOutput: 'GGUF file to write; it appears when it is complete',
  convertType: 'how the weights are stored',
  convertIntermediates: 'vision states that the indices in config.json mean, those entering or leaving their layers',
  convertThreads: 'threads that convert; 0: all',
  converting: 'converting',
  inspect: 'show what a GGUF file holds and the memory it needs',
  inspectFile: 'GGUF file',
  inspectJson: 'print everything, tensors included, as JSON',
  loading: 'loading',
  error: 'error',
  interrupted: 'interrupted',
  loadTime: 'load',
  imageTime: 'image encode',
  firstToken: 'first token',
  promptSpeed: 'prompt',
  decodeSpeed: 'decode',
  seconds: 's',
  tokensPerSecond: 'tokens/s',
  tokens: 'tokens',
};

export type MessageKey = keyof typeof EN;

const KO: Record<MessageKey, string> = {
  description: '양자화된 Mllama 비전-언어 모델을 GGUF로 실행합니다',
  text: '프롬프트에 답합니다',
  vision: '이미지에 관한 프롬프트에 답합니다',
  promptArgument: '답할 내용',
  imageArgument: '이미지 파일 또는 http(s) URL',
  prompt: '이미지에 관해 물을 내용',
  model: 'GGUF 파일 (또는 BLLOSSOM_MODEL, config.yaml)',
  config: 'YAML 설정 파일 (기본값: config.yaml이 있으면 그것)',
  maxTokens: '최대 토큰 수',
  temperature: '0(탐욕적)에서 2까지',
  topP: '0 초과 1 이하',
  topK: '0: 사용 안 함',
  system: '시스템 메시지',
  seed: '같은 시드는 같은 글을 만듭니다',
  stop: '답을 끝낼 글; 여러 번 줄 수 있습니다',
  device: 'auto, cpu, cuda 또는 장치 이름',
  threads: 'CPU 스레드 수',
  context: '컨텍스트 길이',
  json: '스트림 대신 JSON 객체 하나를 출력합니다',
  verbose: '시간 측정 결과를 stderr에 출력합니다',
  convert: 'Hugging Face Mllama 체크포인트를 GGUF 파일 하나로 변환합니다',
  convertSource: 'config.json, tokenizer.json, safetensors가 있는 폴더',
  convertOutput: '만들 GGUF 파일; 완성된 뒤에 나타납니다',
  convertType: '가중치 저장 형식',
  convertIntermediates:
    'config.json의 중간 층 번호가 뜻하는 상태: 층에 들어가는(entering) 또는 층에서 나오는(leaving) 상태',
  convertThreads: '변환 스레드 수; 0: 모두',
  converting: '변환하는 중',
  inspect: 'GGUF 파일의 내용과 필요한 메모리를 보여 줍니다',
  inspectFile: 'GGUF 파일',
  inspectJson: '텐서를 포함한 전체를 JSON으로 출력합니다',
  loading: '불러오는 중',
  error: '오류',
  interrupted: '중단되었습니다',
  loadTime: '불러오기',
  imageTime: '이미지 인코딩',
  firstToken: '첫 토큰',
  promptSpeed: '프롬프트',
  decodeSpeed: '생성',
  seconds: '초',
  tokensPerSecond: '토큰/초',
  tokens: '토큰',
};

/** A sentence before the English detail, for readers of Korean. */
const KO_ERRORS: Record<ErrorCode, string> = {
  ERR_INVALID_OPTION: '잘못된 입력입니다',
  ERR_MODEL_NOT_FOUND: '모델 파일을 찾을 수 없습니다',
  ERR_MODEL_FORMAT: '모델 파일이 손상되었거나 올바르지 않습니다',
  ERR_MODEL_UNSUPPORTED: '지원하지 않는 모델입니다',
  ERR_MODEL_OUTPUT: '모델이 유효하지 않은 값을 계산했습니다',
  ERR_OUT_OF_MEMORY: '메모리가 부족합니다',
  ERR_CONTEXT_FULL: '컨텍스트가 가득 찼습니다',
  ERR_IMAGE_DECODE: '이미지를 읽을 수 없습니다',
  ERR_IMAGE_LIMIT: '이미지가 한도를 넘습니다',
  ERR_CONNECTION: '내려받기에 실패했습니다',
  ERR_IO: '파일을 읽거나 쓸 수 없습니다',
  ERR_BACKEND: '장치 오류입니다',
  ERR_TIMEOUT: '제한 시간을 넘었습니다',
  ERR_CANCELLED: '취소되었습니다',
  ERR_CLOSED: '엔진이 닫혔습니다',
  ERR_NOT_LOADED: '불러온 모델이 없습니다',
  ERR_NATIVE_MISSING: '네이티브 애드온을 불러올 수 없습니다',
  ERR_INTERNAL: '내부 오류입니다',
};

/** The order in which POSIX looks for the language of messages. */
export function isKorean(env: NodeJS.ProcessEnv = process.env): boolean {
  return (env.LC_ALL || env.LC_MESSAGES || env.LANG || '').toLowerCase().startsWith('ko');
}

export function message(key: MessageKey): string {
  return (isKorean() ? KO : EN)[key];
}

/** One line for an error. */
export function errorLine(text: string, code?: ErrorCode): string {
  const detail = text.replace(/\s*\n\s*/g, ' ').trim();
  const lead = code && isKorean() ? `${KO_ERRORS[code]}: ` : '';
  return `${message('error')}: ${lead}${detail}`;
}
