// Subjects: ConversationManager.
import { method } from './subject.mjs';

export function conversationSubjects({ api, files, text, one }) {
  const all = {};
  const conversation = () => new api.ConversationManager(text, { maxHistory: 2 });
  const spoken = async (name, ...given) => {
    const own = conversation();
    await own.generateResponse('hello', one());
    return own[name](...given);
  };
  Object.assign(all, {
    ConversationManager: {
      args: () => [text, { maxHistory: 2 }],
      call: (...given) => new api.ConversationManager(...given),
    },
    'ConversationManager#setSystemMessage': method(conversation(), 'setSystemMessage', () => ['be brief']),
    'ConversationManager#generateResponse': {
      args: () => [
        [
          { type: 'text', text: '?' },
          { type: 'image', image: files.image },
        ],
        one(),
      ],
      call: (...given) => conversation().generateResponse(...given),
    },
    'ConversationManager#clearHistory': { args: () => [], call: (...given) => spoken('clearHistory', ...given) },
    'ConversationManager#getHistorySummary': {
      args: () => [],
      call: (...given) => spoken('getHistorySummary', ...given),
    },
    'ConversationManager#exportConversation': {
      args: () => ['conversation.json', { images: 'embed', overwrite: true }],
      call: (...given) => spoken('exportConversation', ...given),
    },
    'ConversationManager#importConversation': {
      args: () => ['conversation.json', { allowReferences: true }],
      call: (...given) => conversation().importConversation(...given),
    },
  });
  return all;
}
