import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bllossom, CLI, KOREAN, workFolder } from '../support/cli.js';
import { ROOT, tinyImages, tinyModel } from '../support/model.js';

const VOCABULARY = join(ROOT, 'vendor', 'llama.cpp', 'models', 'ggml-vocab-llama-bpe.gguf');
/** What is refused before the model is loaded says nothing of this one. */
const NONE = ['--model', 'none.gguf'];

let model: string;
let work: string;
beforeAll(async () => {
  model = await tinyModel();
  work = workFolder('cli-misuse');
  writeFileSync(join(work, 'text.png'), 'this is no picture');
  writeFileSync(join(work, 'empty.png'), '');
  writeFileSync(join(work, 'bad.yaml'), 'generation:\n  temperature: hot\n');
  writeFileSync(join(work, 'prompts.txt'), 'hello\n');
  mkdirSync(join(work, 'folder'), { recursive: true });
});

const image = () => tinyImages()[0] as string;
const imatrix = (text: string, ...more: string[]) => ['imatrix', model, '--text', text, ...more];

describe('bad input gives one clear line, a failing exit code and no stack trace', () => {
  const cases: [string, () => string[], RegExp][] = [
    ['no such model', () => ['text', 'x', ...NONE], /none\.gguf/],
    ['a model that was not pulled', () => ['text', 'x', '--model', 'aica-5b'], /not in the cache.*bllossom convert/],
    ['a model that is not GGUF', () => ['text', 'x', '--model', CLI], /GGUF/i],
    ['a model of another architecture', () => ['text', 'x', '--model', VOCABULARY], /llama/],
    ['an empty prompt', () => ['text', '', ...NONE], /prompt is empty/],
    ['a blank prompt', () => ['text', '  ', ...NONE], /prompt is empty/],
    ['nothing piped in', () => ['text', ...NONE], /prompt is empty/],
    ['too many arguments', () => ['text', 'x', 'y', ...NONE], /too many arguments.* but got 2/],
    ['a chat into a file', () => ['text', '-i', '-o', 'a.txt', ...NONE], /--interactive: \/save/],
    ['a chat without a model', () => ['text', '-i', ...NONE], /none\.gguf/],
    ['an output without a folder', () => ['text', 'x', '-o', 'nowhere/a.txt', ...NONE], /no folder nowhere/],
    ['a folder for an output', () => ['text', 'x', '-o', 'folder', ...NONE], /folder is a folder/],
    ['no image', () => ['vision', ...NONE], /missing required argument 'images'/],
    ['only a prompt', () => ['vision', '무엇이 있나요?', ...NONE], /Give an image/],
    ['no such image', () => ['vision', 'none.png', '--prompt', 'x', ...NONE], /none\.png.*no such file/],
    ['an image that is none', () => ['vision', 'text.png', '--prompt', 'x', ...NONE], /not an image/],
    ['an empty image', () => ['vision', 'empty.png', ...NONE], /not an image|empty/],
    ['a folder for an image', () => ['vision', work, '--prompt', 'x', ...NONE], /cannot be read/],
    ['a URL that leads home', () => ['vision', 'http://127.0.0.1:9/a.png', ...NONE], /127\.0\.0\.1/],
    ['a URL of another kind', () => ['vision', 'ftp://example.com/a.png', ...NONE], /ftp/],
    ['an empty prompt for an image', () => ['vision', image(), '--prompt', '', ...NONE], /prompt is empty/],
    ['an unknown task', () => ['vision', image(), '--task', 'sing', ...NONE], /--task.*sing.*describe, ocr/],
    [
      'a task beside a prompt',
      () => ['vision', image(), 'Why?', '--task', 'ocr', ...NONE],
      /ocr.*leave out the prompt/,
    ],
    ['a question without words', () => ['vision', image(), '--task', 'qa', ...NONE], /qa needs a question/],
    ['an unknown language', () => ['vision', image(), '--language', 'fr', ...NONE], /fr.*ko, en/],
    ['no batch', () => ['batch', ...NONE], /missing required argument 'file'/],
    ['no such batch', () => ['batch', 'none.txt', ...NONE], /none\.txt cannot be read/],
    ['a folder for a batch', () => ['batch', 'folder', ...NONE], /folder cannot be read/],
    ['a batch without a model', () => ['batch', 'prompts.txt', ...NONE], /none\.gguf/],
    ['an unknown option', () => ['text', 'x', '--modle', model], /unknown option '--modle'.*--model/],
    ['an unknown command', () => ['txt', 'x'], /unknown command 'txt'.*text/],
    ['an option without its value', () => ['text', 'x', '--model'], /'-m, --model <model>' argument missing/],
    ['a number that is none', () => ['text', 'x', '--seed', 'abc', ...NONE], /--seed.*abc.*Not a number/],
    ['a seed out of range', () => ['text', 'x', '--seed', '-1', ...NONE], /for --seed but received -1/],
    ['a seed that is no integer', () => ['text', 'x', '--seed', '1.5', ...NONE], /an integer.* for --seed/],
    ['an empty stop text', () => ['text', 'x', '--stop', '', ...NONE], /for --stop but received ""/],
    ['a temperature out of range', () => ['text', 'x', '-t', '3', ...NONE], /from 0 to 2 for --temperature.*3/],
    ['a top-p out of range', () => ['text', 'x', '--top-p', '2', ...NONE], /for --top-p but received 2/],
    ['a negative top-k', () => ['text', 'x', '--top-k', '-1', ...NONE], /for --top-k but received -1/],
    ['no tokens', () => ['text', 'x', '-n', '0', ...NONE], /for --max-tokens but received 0/],
    ['a penalty of nothing', () => ['text', 'x', '--repetition-penalty', '0', ...NONE], /--repetition-penalty/],
    ['no threads', () => ['text', 'x', '--threads', '0', ...NONE], /for --threads but received 0/],
    ['a tiny context', () => ['text', 'x', '--context', '1', ...NONE], /for --context but received 1/],
    ['layers that are none', () => ['text', 'x', '--gpu-layers', 'all', ...NONE], /--gpu-layers.*all/],
    ['an unknown device', () => ['text', 'x', '--model', model, '--device', 'abacus'], /abacus/],
    ['a configuration that is not there', () => ['text', 'x', '--config', 'none.yaml'], /none\.yaml/],
    ['a configuration that is wrong', () => ['text', 'x', '--config', 'bad.yaml'], /temperature.*bad\.yaml:2/],
    ['a checkpoint that is not there', () => ['convert', 'none', join(work, 'out.gguf')], /none/],
    ['threads that are no number', () => ['convert', work, 'out.gguf', '--threads', 'abc'], /--threads.*abc/],
    ['an unknown type', () => ['convert', work, 'out.gguf', '--type', 'Q9'], /Q9.*Q4_K_M/],
    ['a file in the way', () => ['convert', work, 'text.png'], /text\.png exists already: --force/],
    ['nothing to collect from', () => ['imatrix', model, '-o', 'i.gguf'], /nothing to collect from: give --text/],
    ['a collection without an output', () => ['imatrix', model, '--text', 'prompts.txt'], /required option.*--output/],
    ['a collection without a model', () => ['imatrix', '-o', 'i.gguf'], /missing required argument 'model'/],
    ['a collection for no folder', () => imatrix('prompts.txt', '-o', 'nowhere/i.gguf'), /no folder nowhere/],
    ['a collection over a file', () => imatrix('prompts.txt', '-o', 'bad.yaml'), /bad\.yaml exists already: --force/],
    ['no such corpus', () => imatrix('none.txt', '-o', 'i.gguf'), /Cannot read none\.txt/],
    ['an empty corpus', () => imatrix('empty.png', '-o', 'i.gguf'), /empty\.png holds no text/],
    [
      'a picture that is none',
      () => imatrix('prompts.txt', '--images', 'text.png', '-o', 'i.gguf'),
      /text\.png: .*not an/,
    ],
    [
      'a folder without pictures',
      () => imatrix('prompts.txt', '--images', 'folder', '-o', 'i.gguf'),
      /folder holds no pic/,
    ],
    ['a chunk of nothing', () => imatrix('prompts.txt', '--chunk', '0', '-o', 'i.gguf'), /for chunk but received 0/],
    ['sums of no matrix', () => imatrix('prompts.txt', '--from', model, '-o', 'i.gguf'), /not an importance matrix/],
    ['an inspection of no GGUF', () => ['inspect', CLI], /GGUF/i],
    ['an inspection of nothing', () => ['inspect', 'none.gguf'], /none\.gguf/],
    ['a check of a wrong configuration', () => ['config', 'check', 'bad.yaml'], /temperature.*bad\.yaml:2/],
    ['a check of nothing', () => ['config', 'check'], /config\.yaml/],
    ['an unknown part of config', () => ['config', 'burn'], /too many arguments|unknown command/],
    ['a configuration over another', () => ['config', 'init', 'bad.yaml'], /bad\.yaml exists already/],
    ['facts of no model', () => ['info', ...NONE], /none\.gguf/],
    ['a definition without a value', () => ['build', '-D', 'GGML_NATIVE'], /-D.*Expected NAME=VALUE/],
    ['nothing to load', () => ['info', '--load'], /not in the cache/],
  ];
  it.each(cases)('%s', async (_, args, message) => {
    const run = await bllossom(args(), { cwd: work });
    expect(run.code).toBe(1);
    expect(run.stdout).toBe('');
    expect(run.stderr).toMatch(/^bllossom: error: [^\n]+\n$/);
    expect(run.stderr).toMatch(message);
    expect(run.stderr).not.toMatch(/^\s+at /m);
  });

  it('bytes piped in that are no text', async () => {
    const run = await bllossom(['text', ...NONE], { input: Buffer.from([0x68, 0xff, 0xfe]) });
    expect(run).toEqual({ code: 1, stdout: '', stderr: 'bllossom: error: Standard input is not UTF-8 text\n' });
  });

  it('too much piped in', async () => {
    const run = await bllossom(['text', ...NONE], { input: Buffer.alloc(17 * 1024 * 1024, 'a') });
    expect(run).toMatchObject({ code: 1, stderr: 'bllossom: error: Standard input holds more than 16 MiB\n' });
  });

  it('shows the stack with BLLOSSOM_DEBUG=1', async () => {
    const run = await bllossom(['text', 'x', '--model', 'none.gguf'], { env: { BLLOSSOM_DEBUG: '1' } });
    expect(run.stderr).toMatch(/^\s+at /m);
  });
});

describe('bad input in a Korean locale', () => {
  const cases: [string, string[], RegExp][] = [
    ['a library error', ['text', 'x', ...NONE], /^bllossom: 오류: 모델 파일을 찾을 수 없습니다: /],
    ['an own error', ['text', '', ...NONE], /^bllossom: 오류: 프롬프트가 비어 있습니다\n$/],
    [
      'an unknown option',
      ['text', 'x', '--modle'],
      /^bllossom: 오류: 알 수 없는 옵션 '--modle' \(혹시 --model인가요\?\)\n$/,
    ],
    ['an unknown command', ['txt'], /^bllossom: 오류: 알 수 없는 명령 'txt' \(혹시 text인가요\?\)\n$/],
    [
      'an unknown choice',
      ['vision', 'a', '--task', 'x'],
      /값 'x'이\(가\) 올바르지 않습니다\. describe, .* 쓰세요\.\n$/,
    ],
    ['a number that is none', ['text', 'x', '-n', 'x'], /값 'x'이\(가\) 올바르지 않습니다\. 숫자가 아닙니다\.\n$/],
    [
      'nothing to collect from',
      ['imatrix', 'none.gguf', '-o', 'i.gguf'],
      /^bllossom: 오류: 모을 것이 없습니다: --text나 --images를 주세요\n$/,
    ],
    [
      'a collection without an output',
      ['imatrix', 'none.gguf'],
      /^bllossom: 오류: 옵션 '-o, --output <file>'이\(가\) 필요/,
    ],
    ['no argument', ['vision'], /^bllossom: 오류: 인자 'images'이\(가\) 없습니다\n$/],
    ['too many arguments', ['text', 'x', 'y'], /인자가 너무 많습니다\. 1개여야 하는데 2개를 받았습니다\.\n$/],
  ];
  it.each(cases)('%s', async (_, args, message) => {
    const run = await bllossom(args, { env: KOREAN });
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toMatch(message);
  });
});
