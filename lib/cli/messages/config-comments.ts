/** What `bllossom config init` writes above every key. */

import type { SectionName } from '../../config-schema.js';
import type { ConfigSections } from '../../index.js';

type Comments = { [S in SectionName]: { [K in keyof ConfigSections[S]]: string } };

export const EN_COMMENTS: Comments = {
  model: {
    name: 'id on the hub or alias (bllossom list); looked for in paths.cache_dir',
    path: 'a GGUF file, or ollama:<name>; goes before name',
    projector: 'the projector, where path is the text model of a model in two files',
    ollamaGates: 'gates of the vision tower in files of Ollama: auto, raw or activated',
    ollamaHeads: 'rows of cross-attention heads in files of Ollama: auto, paired or halves',
    deviceMap: 'auto, cpu, cuda or the name of a device',
    torchDtype: 'kept for old files; a GGUF file says itself which types its weights have',
    lowCpuMemUsage: 'kept for old files; has no effect',
    trustRemoteCode: 'kept for old files; nothing of a model is ever executed',
    crossRowMode: 'what text before the first image does in cross-attention: hf (as transformers) or meta (nothing)',
  },
  quantization: {
    type: 'type for conversion: F32, F16, BF16, Q8_0 or Q4_K_M',
    loadIn4bit: 'in a file without type: Q4_K_M',
    loadIn8bit: 'in a file without type: Q8_0',
    bnb4bitQuantType: 'kept for old files; has no effect',
    bnb4bitComputeDtype: 'kept for old files; has no effect',
    bnb4bitUseDoubleQuant: 'kept for old files; has no effect',
  },
  generation: {
    maxTokens: 'tokens at most',
    temperature: '0 (greedy) to 2',
    doSample: 'false: greedy, whatever the temperature',
    topP: 'above 0, up to 1 (off)',
    topK: '0: off',
    repetitionPenalty: 'above 0, up to 10; 1: off',
  },
  hardware: {
    targetGpu: 'the GPU that device_map: auto takes: its number or a part of its name; null: as many as it takes',
    targetVramGb: 'GB of target_gpu that may be planned for; only beside target_gpu',
    useCpuOffload: 'kept for old files; layers that do not fit on the GPU always stay with the CPU',
    maxMemoryUsage: 'share of the free memory, of GPUs and of the machine, that may be planned for',
    gpuLayers: 'layers on GPUs: a number (kept or refused) or auto',
    threads: 'CPU threads; null: the physical cores',
    contextSize: 'positions, shared by all that runs at once; null: those of the model, at most 8192, as they fit',
    maxBatchSize: 'requests computed together; null: 4',
    maxImages: 'images whose states are kept; null: 4, as they fit',
    kvCacheType: 'f16, f32 (exact, twice the memory), q8_0 (half of it), or auto (q8_0 where more fits)',
  },
  paths: {
    cacheDir: 'where models are looked for',
    logDir: 'kept for old files; nothing is written there yet',
    outputDir: 'where conversations are saved',
    configFile: 'where the configuration is saved',
  },
  network: {
    allowImageUrls: 'whether images may be http(s) URLs',
    allowPrivateAddresses: 'whether such URLs may lead to this machine or its local network',
    timeout: 'seconds for one image',
    maxRedirects: '0 to 10',
    offline: 'true: a model that is not in the cache is not downloaded',
  },
};

export const KO_COMMENTS: Comments = {
  model: {
    name: '허브의 모델 이름이나 별칭(bllossom list); paths.cache_dir에서 찾습니다',
    path: 'GGUF 파일 또는 ollama:<이름>; name보다 먼저 봅니다',
    projector: '두 파일로 나뉜 모델에서 path가 텍스트 모델일 때의 프로젝터 파일',
    ollamaGates: 'Ollama 파일에 담긴 비전 타워 게이트: auto, raw, activated',
    ollamaHeads: 'Ollama 파일에 담긴 교차 어텐션 헤드의 행 순서: auto, paired, halves',
    deviceMap: 'auto, cpu, cuda 또는 장치 이름',
    torchDtype: '예전 파일을 위해 남긴 키; 가중치 형식은 GGUF 파일에 적혀 있습니다',
    lowCpuMemUsage: '예전 파일을 위해 남긴 키; 효과가 없습니다',
    trustRemoteCode: '예전 파일을 위해 남긴 키; 모델의 코드는 절대 실행하지 않습니다',
    crossRowMode: '첫 이미지보다 앞선 글의 교차 어텐션: hf(transformers와 같음) 또는 meta(없음)',
  },
  quantization: {
    type: '변환 형식: F32, F16, BF16, Q8_0, Q4_K_M',
    loadIn4bit: 'type이 없는 파일에서: Q4_K_M',
    loadIn8bit: 'type이 없는 파일에서: Q8_0',
    bnb4bitQuantType: '예전 파일을 위해 남긴 키; 효과가 없습니다',
    bnb4bitComputeDtype: '예전 파일을 위해 남긴 키; 효과가 없습니다',
    bnb4bitUseDoubleQuant: '예전 파일을 위해 남긴 키; 효과가 없습니다',
  },
  generation: {
    maxTokens: '최대 토큰 수',
    temperature: '0(탐욕적)에서 2까지',
    doSample: 'false: 온도와 상관없이 탐욕적',
    topP: '0 초과 1 이하 (1: 사용 안 함)',
    topK: '0: 사용 안 함',
    repetitionPenalty: '0 초과 10 이하; 1: 사용 안 함',
  },
  hardware: {
    targetGpu: 'device_map: auto가 고를 GPU의 번호 또는 이름 일부; null: 필요한 만큼',
    targetVramGb: 'target_gpu에서 쓸 수 있는 GB; target_gpu가 있을 때만 적용됩니다',
    useCpuOffload: '예전 파일을 위해 남긴 키; GPU에 못 들어가는 층은 늘 CPU가 맡습니다',
    maxMemoryUsage: 'GPU와 컴퓨터의 빈 메모리 가운데 쓸 수 있는 비율',
    gpuLayers: 'GPU에 올릴 층 수: 숫자(지키거나 거절) 또는 auto',
    threads: 'CPU 스레드 수; null: 물리 코어 수',
    contextSize: '동시에 도는 요청이 나누어 쓰는 길이; null: 모델의 길이(최대 8192), 들어가는 만큼',
    maxBatchSize: '함께 계산하는 요청 수; null: 4',
    maxImages: '상태를 남겨 두는 이미지 수; null: 4, 들어가는 만큼',
    kvCacheType: 'f16, f32(정확, 메모리 두 배), q8_0(절반), auto(더 많이 들어가면 q8_0)',
  },
  paths: {
    cacheDir: '모델을 찾는 곳',
    logDir: '예전 파일을 위해 남긴 키; 아직 아무것도 쓰지 않습니다',
    outputDir: '대화를 저장하는 곳',
    configFile: '설정을 저장하는 곳',
  },
  network: {
    allowImageUrls: '이미지를 http(s) URL로 줄 수 있는지',
    allowPrivateAddresses: '그런 URL이 이 기계나 내부망을 가리켜도 되는지',
    timeout: '이미지 하나에 쓸 초',
    maxRedirects: '0에서 10까지',
    offline: 'true: 캐시에 없는 모델을 내려받지 않습니다',
  },
};
