import { Document, type Scalar, type YAMLMap } from 'yaml';
import { fieldsOf, SECTION_NAMES, yamlKey } from '../config-schema.js';
import { isKorean } from './locale.js';
import { EN_COMMENTS, KO_COMMENTS } from './messages/config-comments.js';

/** The YAML of a configuration with every default, and above every key what it means. */
export function commentedConfig(): string {
  const comments = isKorean() ? KO_COMMENTS : EN_COMMENTS;
  const document = new Document({});
  for (const section of SECTION_NAMES) {
    const map = document.createNode({}) as YAMLMap;
    for (const [key, field] of fieldsOf(section)) {
      const name = document.createNode(yamlKey(key, field)) as Scalar;
      name.commentBefore = ` ${Reflect.get(comments[section], key)}`;
      map.items.push(document.createPair(name, field.initial));
    }
    const name = document.createNode(section) as Scalar;
    name.spaceBefore = section !== SECTION_NAMES[0];
    (document.contents as unknown as YAMLMap).items.push(document.createPair(name, map));
  }
  return document.toString({ lineWidth: 0 });
}
