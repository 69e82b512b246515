import type { ErrorCode } from '../../index.js';

/** A sentence before the English detail of a library error, for readers of Korean. */
export const KO_ERRORS: Record<ErrorCode, string> = {
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
  ERR_NATIVE_MISSING:
    '네이티브 애드온을 불러올 수 없습니다. CMake와 C++17 컴파일러를 설치한 뒤 "npx bllossom build"로 빌드할 수 있습니다',
  ERR_INTERNAL: '내부 오류입니다',
};
