// Subjects: Config.
import { method } from './subject.mjs';

export function configSubjects({ api, files, sections, configured }) {
  const { Config } = api;
  const all = {};
  Object.assign(all, {
    Config: { args: () => [files.config], call: (...given) => new Config(...given) },
    'Config#loadFromYaml': { args: () => [files.config], call: (...given) => new Config().loadFromYaml(...given) },
    'Config#saveToYaml': { args: () => ['saved.yaml'], call: (...given) => new Config().saveToYaml(...given) },
    'Config#validate': {
      args: () => [sections()],
      call: (given) => configured(given).validate(),
      inside: true,
    },
    'Config#clone': {
      args: () => [{ paths: sections().paths }],
      call: (given) => configured(given).clone(),
      inside: true,
    },
    'Config#toJSON': {
      args: () => [{ paths: sections().paths }],
      call: (given) => configured(given).toJSON(),
      inside: true,
    },
    'Config#printConfig': method(new Config(), 'printConfig'),
    'Config#toString': { args: () => [sections()], call: (given) => configured(given).toString(), inside: true },
    setupEnvironment: { args: () => [new Config()], call: (...given) => api.setupEnvironment(...given) },
  });
  return all;
}
