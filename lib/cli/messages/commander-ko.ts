/** The messages of commander, which knows only English, in Korean. */

const TRANSLATIONS: readonly [RegExp, string][] = [
  [/^unknown option '(.+?)'/, "알 수 없는 옵션 '$1'"],
  [/^unknown command '(.+?)'/, "알 수 없는 명령 '$1'"],
  [/^missing required argument '(.+?)'/, "인자 '$1'이(가) 없습니다"],
  [/^option '(.+?)' argument missing/, "옵션 '$1'에 값이 없습니다"],
  [/^required option '(.+?)' not specified/, "옵션 '$1'이(가) 필요합니다"],
  [/^option '(.+?)' argument '(.*?)' is invalid\./s, "옵션 '$1'의 값 '$2'이(가) 올바르지 않습니다."],
  [
    /^option '(.+?)' value '(.*?)' from env '(.+?)' is invalid\./s,
    "환경 변수 '$3'에서 온 옵션 '$1'의 값 '$2'이(가) 올바르지 않습니다.",
  ],
  [
    /^command-argument value '(.*?)' is invalid for argument '(.+?)'\./s,
    "인자 '$2'의 값 '$1'이(가) 올바르지 않습니다.",
  ],
  [
    /^too many arguments(?: for '(.+?)')?\. Expected (\d+) arguments? but got (\d+)\./,
    '인자가 너무 많습니다. $2개여야 하는데 $3개를 받았습니다.',
  ],
  [/Allowed choices are (.+?)\.$/, '$1 가운데 하나를 쓰세요.'],
  [/\(Did you mean one of (.+?)\?\)/, '(혹시 $1 가운데 하나인가요?)'],
  [/\(Did you mean (.+?)\?\)/, '(혹시 $1인가요?)'],
];

/** @param text without "error: " */
export function commanderInKorean(text: string): string {
  return TRANSLATIONS.reduce((said, [english, korean]) => said.replace(english, korean), text.trim());
}
