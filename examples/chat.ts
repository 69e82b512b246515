/** Chats in the terminal: npm run example chat. A line that begins with @ attaches a picture: @photo.jpg What is this? */

import { createInterface } from 'node:readline/promises';
import { type ContentItem, ConversationManager, TextGenerator, withModel } from 'node-bllossom';
import { exampleConfig } from './model.js';

function contentOf(line: string): string | ContentItem[] {
  const [, image, text] = /^@(\S+)\s+(.+)$/.exec(line) ?? [];
  if (image === undefined || text === undefined) return line;
  return [
    { type: 'image', image },
    { type: 'text', text },
  ];
}

await withModel(exampleConfig(), async (manager) => {
  const chat = new ConversationManager(new TextGenerator(manager), { maxHistory: 10 });
  chat.setSystemMessage('당신은 친절한 한국어 도우미입니다.');
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' });
  terminal.prompt();
  for await (const line of terminal) {
    if (line.trim() !== '') {
      for await (const piece of chat.generateResponse(contentOf(line))) process.stdout.write(piece);
      process.stdout.write('\n');
    }
    terminal.prompt();
  }
  console.log(`\n${chat.getHistorySummary().totalMessages} messages`);
});
