// Subjects: response formats.

export function structuredSubjects({ api, text }) {
  const all = {};
  const schema = () => ({ type: 'object', properties: { a: { enum: [1, 2] } }, required: ['a'] });
  Object.assign(all, {
    compileResponseFormat: {
      args: () => [{ type: 'json', schema: schema() }],
      call: (...given) => api.compileResponseFormat(...given),
    },
    'compileResponseFormat (grammar)': {
      args: () => [{ type: 'grammar', grammar: 'root ::= "a"' }],
      call: (...given) => api.compileResponseFormat(...given),
    },
    CompiledFormat: {
      args: () => ['root ::= "a"', (given) => given],
      call: (...given) => new api.CompiledFormat(...given),
    },
    'CompiledFormat#parse': {
      args: () => ['{"a": 1}'],
      call: async (...given) => (await api.compileResponseFormat({ type: 'json', schema: schema() })).parse(...given),
    },
    'TextGenerator#generate (responseFormat)': {
      args: () => ['hello', { maxTokens: 20, responseFormat: { type: 'json', schema: schema() } }],
      call: (...given) => text.generate(...given),
    },
  });
  return all;
}
