// Subjects: the classes of errors.

export function errorsSubjects({ api }) {
  const { BllossomError } = api;
  const all = {};
  for (const [name, value] of Object.entries(api)) {
    if (value?.prototype instanceof BllossomError) {
      const args = () => ['it failed', { cause: new Error('why') }];
      all[value.name] = { args, call: (...given) => new value(...given) };
      if (name !== value.name) all[name] = all[value.name];
    }
  }
  all.BllossomError = {
    args: () => ['ERR_IO', 'it failed', { cause: new Error('why') }],
    call: (...given) => new BllossomError(...given),
  };
  return all;
}
