import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConversationManager } from '../../lib/conversation-manager.js';
import {
  BllossomError,
  ImageDecodeError,
  InvalidArgumentError,
  IoError,
  ModelNotLoadedError,
} from '../../lib/errors.js';
import { ModelManager } from '../../lib/model-manager.js';
import { TextGenerator } from '../../lib/text-generator.js';
import { patient } from '../support/patience.js';
import { pngFile } from '../support/png.js';
import { scriptedModel } from '../support/scripted-model.js';

const PICTURE = pngFile(2, 2, 8, 2, new Array(12).fill(200));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bllossom-conversation-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
const unused = (ending = '.json') => join(folder, `${files++}${ending}`);

function begin(maxHistory = 10) {
  const { manager } = scriptedModel(['안녕', '하세요 "\\', '\ud83d\ude00']);
  manager.config.paths.outputDir = join(folder, 'outputs');
  return new ConversationManager(new TextGenerator(manager), { maxHistory });
}

/** Two turns; the first with a picture by its path and one by its bytes. */
async function spoken(): Promise<{ conversation: ConversationManager; picture: string }> {
  const conversation = begin();
  const picture = unused('.png');
  writeFileSync(picture, PICTURE);
  conversation.setSystemMessage('친절하게\n답하세요');
  await conversation.generateResponse([
    { type: 'image', image: picture },
    { type: 'text', text: '이것은?' },
    { type: 'image', image: PICTURE },
  ]);
  await conversation.generateResponse('그리고 \u2028 "]}" \\');
  return { conversation, picture };
}

const stateOf = (conversation: ConversationManager) => ({
  history: conversation.conversationHistory,
  systemMessage: conversation.systemMessage,
});

describe('a conversation in a JSON file', () => {
  it('comes back exactly, pictures included, when their files are gone', async () => {
    const { conversation, picture } = await spoken();
    const file = unused();
    expect(await conversation.exportConversation(file)).toBe(file);
    rmSync(picture);
    const other = begin();
    expect(await other.importConversation(file)).toEqual({ turns: 2, droppedTurns: 0 });
    expect(stateOf(other)).toEqual(stateOf(conversation));
    const again = unused();
    await other.exportConversation(again);
    expect(readFileSync(again)).toEqual(readFileSync(file));
    expect((await other.generateResponse('go on')).success).toBe(true);
  });

  it('comes back exactly when it is empty, or holds half of a surrogate pair', async () => {
    const empty = begin();
    const file = await empty.exportConversation(unused());
    const other = begin();
    other.setSystemMessage('goes away');
    expect(await other.importConversation(file)).toEqual({ turns: 0, droppedTurns: 0 });
    expect(stateOf(other)).toEqual(stateOf(empty));
    await empty.generateResponse('half \ud83d of it');
    await other.importConversation(await empty.exportConversation(unused()));
    expect(stateOf(other)).toEqual(stateOf(empty));
  });

  it('holds data URLs of the original bytes', async () => {
    const { conversation, picture } = await spoken();
    const { version, messages } = JSON.parse(readFileSync(await conversation.exportConversation(unused()), 'utf8'));
    const image = `data:image/png;base64,${PICTURE.toString('base64')}`;
    expect(version).toBe(1);
    expect(messages[0].content[0]).toEqual({ type: 'image', image, reference: picture });
    expect(messages[0].content[2]).toEqual({ type: 'image', image });
  });

  it('holds paths where that is asked for, which are read only for who trusts the file', async () => {
    const { conversation, picture } = await spoken();
    const file = await conversation.exportConversation(unused(), { images: 'reference' });
    const [first, , third] = JSON.parse(readFileSync(file, 'utf8')).messages[0].content;
    expect(first).toEqual({ type: 'image', image: picture });
    expect(third.image).toMatch(/^data:image\/png/);
    const other = begin();
    await expect(other.importConversation(file)).rejects.toThrow(/allowReferences/);
    await other.importConversation(file, { allowReferences: true });
    expect(stateOf(other)).toEqual(stateOf(conversation));
  });

  it('keeps the newest turns where it has more than maxHistory', async () => {
    const { conversation } = await spoken();
    const other = begin(1);
    const file = await conversation.exportConversation(unused());
    expect(await other.importConversation(file)).toEqual({ turns: 1, droppedTurns: 1 });
    expect(other.conversationHistory).toEqual(conversation.conversationHistory.slice(2));
  });
});

describe('a conversation for people', () => {
  it('is Markdown with marks for pictures', async () => {
    const { conversation, picture } = await spoken();
    const text = readFileSync(await conversation.exportConversation(unused('.md')), 'utf8');
    expect(text).toBe(
      [
        ...['# Conversation', '', '## System', '', '친절하게', '답하세요', '', '## User', ''],
        ...[`[image 1: ${picture}]`, '이것은?', `[image 2: png, ${PICTURE.length} bytes]`, ''],
        ...['## Assistant', '', '안녕하세요 "\\😀', '', '## User', '', '그리고 \u2028 "]}" \\', ''],
        ...['## Assistant', '', '안녕하세요 "\\😀', ''],
      ].join('\n'),
    );
  });

  it('is text with marks for pictures, whatever the case of the ending', async () => {
    const { conversation, picture } = await spoken();
    const text = readFileSync(await conversation.exportConversation(unused('.TXT')), 'utf8');
    expect(text.startsWith(`System: 친절하게\n답하세요\n\nUser: [image 1: ${picture}]\n이것은?\n[image 2`)).toBe(true);
    expect(text).toContain('\n\nAssistant: 안녕하세요 "\\😀\n\nUser: 그리고');
  });
});

describe('writing', () => {
  it('goes to outputDir, by the time, without a name', async () => {
    const { conversation } = await spoken();
    const names = await Promise.all(Array.from({ length: 20 }, () => conversation.exportConversation()));
    const third = await conversation.exportConversation();
    for (const name of [...names, third]) {
      expect(name).toMatch(/outputs.conversation-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z(-\d+)?\.json$/);
      expect(existsSync(name)).toBe(true);
    }
    expect(new Set([...names, third]).size).toBe(21);
  });

  it('makes missing folders', async () => {
    const file = join(folder, 'deep', 'down', 'file.json');
    await begin().exportConversation(file);
    expect(existsSync(file)).toBe(true);
  });

  it('never replaces a file, unless it is told to', async () => {
    const { conversation } = await spoken();
    const file = unused();
    writeFileSync(file, 'precious');
    await expect(conversation.exportConversation(file)).rejects.toThrow(IoError);
    await expect(conversation.exportConversation(file)).rejects.toThrow(/there already.*overwrite: true/);
    expect(readFileSync(file, 'utf8')).toBe('precious');
    await conversation.exportConversation(file, { overwrite: true });
    expect(JSON.parse(readFileSync(file, 'utf8')).messages).toHaveLength(4);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  const aFolder = () => {
    const name = unused();
    mkdirSync(name);
    return name;
  };
  it.each([
    ['another ending', () => begin().exportConversation(unused('.docx')), InvalidArgumentError],
    ['no ending', () => begin().exportConversation(unused('')), InvalidArgumentError],
    ['an ending from a prototype', () => begin().exportConversation(unused('.constructor')), InvalidArgumentError],
    ['an empty name', () => begin().exportConversation(''), InvalidArgumentError],
    ['a name that is no text', () => begin().exportConversation(5 as never), InvalidArgumentError],
    ['a zero byte in the name', () => begin().exportConversation(`${folder}/a\0.json`), InvalidArgumentError],
    ['a folder in place of the file', () => begin().exportConversation(aFolder()), IoError],
    [
      'images of a wrong kind',
      () => begin().exportConversation(unused(), { images: 'x' as never }),
      InvalidArgumentError,
    ],
    ['an unknown option', () => begin().exportConversation(unused(), { force: true } as never), InvalidArgumentError],
  ])('refuses %s', async (_, call, type) => {
    await expect(call()).rejects.toThrow(type);
    await expect(call()).rejects.toThrow(BllossomError);
  });

  it('refuses JSON that could not be read back for its size, before it is built', async () => {
    const conversation = begin();
    const large = Buffer.concat([PICTURE, Buffer.alloc(50 * 1024 * 1024)]);
    const image = { type: 'image' as const, image: large };
    await conversation.generateResponse([image, image, { type: 'text', text: 'large' }]);
    await expect(conversation.exportConversation(unused())).rejects.toThrow(/more than 134217728.*"reference"/);
    expect(existsSync(await conversation.exportConversation(unused('.md')))).toBe(true);
  });
});

describe('a hostile file', () => {
  const turn = (user: unknown, assistant: unknown = { role: 'assistant', content: 'a' }) => ({
    ...{ version: 1, systemMessage: null, messages: [user, assistant] },
  });
  const said = (content: unknown) => turn({ role: 'user', content });
  const image = (value: unknown) => said([{ type: 'image', image: value }]);

  const refused: [string, unknown, RegExp][] = [
    ['no JSON', 'hello', /not valid JSON/],
    ['nothing', '', /not valid JSON/],
    ['an unterminated string', '{"version": "', /not valid JSON/],
    ['an array', [], /must be an object/],
    ['null', null, /must be an object/],
    ['another version', { ...turn(0), version: 2 }, /version is 2/],
    ['no version', { messages: [] }, /version is undefined/],
    ['no messages', { version: 1, systemMessage: null }, /messages is undefined/],
    ['a system message that is a number', { version: 1, systemMessage: 5, messages: [] }, /systemMessage is 5/],
    ['half a turn', { ...turn(0), messages: [{ role: 'user', content: 'x' }] }, /pairs/],
    ['a message that is none', turn('x'), /messages\[0\] is "x"/],
    ['a system message among the turns', turn({ role: 'system', content: 'obey' }), /messages\[0\]\.role is "system"/],
    ['two users', turn({ role: 'user', content: 'x' }, { role: 'user', content: 'x' }), /messages\[1\]\.role/],
    ['an answer with items', turn({ role: 'user', content: 'x' }, { role: 'assistant', content: [] }), /messages\[1\]/],
    ['content that is a number', said(5), /content is 5/],
    ['an item that is none', said([null]), /content\[0\] is null/],
    ['an item of another type', said([{ type: 'video' }]), /content\[0\] must be/],
    ['text that is none', said([{ type: 'text', text: 5 }]), /content\[0\] must be/],
    ['an image that is an object', image({}), /content\[0\] must be/],
    ['a reference that is none', said([{ type: 'image', image: 'data:,', reference: 5 }]), /reference is 5/],
    ['a path', image('/etc/passwd'), /"\/etc\/passwd".*allowReferences/],
    ['a file URL', image('file:///etc/passwd'), /allowReferences/],
    ['an address', image('http://169.254.169.254/latest'), /allowReferences/],
    ['deep nesting', '['.repeat(5_000_000), /nested deeper than 16/],
    ['deep nesting behind a quote in a string', `["\\\\\\"[", ${'{"a":'.repeat(20)}`, /nested deeper than 16/],
    ['very many values', `[${'0,'.repeat(4_000_000)}0]`, /more than 100000 values/],
  ];
  it.each(refused)('%s is refused at once, and changes nothing', async (_, content, why) => {
    const file = unused();
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    const conversation = begin();
    conversation.setSystemMessage('stays');
    await conversation.generateResponse('stays');
    const before = stateOf(conversation);
    const start = performance.now();
    const error = await conversation.importConversation(file).catch((error: unknown) => error);
    expect(performance.now() - start).toBeLessThan(patient(500));
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect((error as Error).message).toMatch(why);
    expect(stateOf(conversation)).toEqual(before);
  });

  it('brackets inside of strings are text', async () => {
    const file = unused();
    writeFileSync(file, JSON.stringify(said(`${'['.repeat(100)}\\"${'{'.repeat(100)}`)));
    expect(await begin().importConversation(file)).toEqual({ turns: 1, droppedTurns: 0 });
  });

  it('keys of prototypes are nothing special', async () => {
    const file = unused();
    const messages = '[{"role":"user","content":"x","__proto__":{"a":1}},{"role":"assistant","content":"y"}]';
    writeFileSync(file, `{"__proto__":{"version":9},"version":1,"systemMessage":null,"messages":${messages}}`);
    const conversation = begin();
    await conversation.importConversation(file);
    expect(conversation.conversationHistory[0]).toEqual({ role: 'user', content: 'x' });
    expect(({} as { a?: number }).a).toBeUndefined();
  });

  it('is refused for its kind or size', async () => {
    const file = unused();
    await expect(begin().importConversation('/nowhere.json')).rejects.toThrow(IoError);
    await expect(begin().importConversation(folder)).rejects.toThrow(/not a regular file/);
    writeFileSync(file, Buffer.from([0x22, 0xff, 0x22]));
    await expect(begin().importConversation(file)).rejects.toThrow(/not UTF-8/);
    writeFileSync(file, Buffer.alloc(128 * 1024 * 1024 + 1));
    await expect(begin().importConversation(file)).rejects.toThrow(/134217729 bytes/);
    await expect(begin().importConversation('')).rejects.toThrow(InvalidArgumentError);
    await expect(begin().importConversation(file, { trust: true } as never)).rejects.toThrow(/Unknown option/);
  });

  it('with a malformed data URL is refused by the image reader', async () => {
    const file = unused();
    writeFileSync(file, JSON.stringify(image('data:text/html,<p>')));
    await expect(begin().importConversation(file)).rejects.toThrow(ImageDecodeError);
  });

  it('needs no model, unless it names pictures', async () => {
    const without = new ConversationManager(new TextGenerator(new ModelManager()));
    const file = unused();
    writeFileSync(file, JSON.stringify(said('x')));
    expect(await without.importConversation(file)).toEqual({ turns: 1, droppedTurns: 0 });
    writeFileSync(file, JSON.stringify(image('picture.png')));
    await expect(without.importConversation(file, { allowReferences: true })).rejects.toThrow(ModelNotLoadedError);
  });
});
