// Subjects: DocumentProcessor.
import { method } from './subject.mjs';

export function documentsSubjects({ api, files, vision, one, batchOne }) {
  const all = {};
  const documents = new api.DocumentProcessor(vision);
  Object.assign(all, {
    DocumentProcessor: { args: () => [vision], call: (...given) => new api.DocumentProcessor(...given) },
    'DocumentProcessor#processDocumentPage': method(documents, 'processDocumentPage', () => [
      ...[files.image, 'extract'],
      { ...one(), language: 'en' },
    ]),
    'DocumentProcessor#processMultiPageDocument': method(documents, 'processMultiPageDocument', () => [
      ...[[files.image], 'extract'],
      {
        ...batchOne(),
        ...{ pages: [1], fonts: ['font.ttf'] },
        resume: [{ success: true, pageNumber: 2, response: 'kept', task: 'extract' }],
      },
    ]),
    'DocumentProcessor#processMultiPageDocument (kept pages)': {
      args: () => [{ success: true, pageNumber: 1, response: 'kept', task: 'extract' }],
      call: (page) => documents.processMultiPageDocument([files.image], 'extract', { resume: [page] }),
      inside: true,
    },
  });
  return all;
}
