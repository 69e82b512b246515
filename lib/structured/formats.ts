/**
 * The formats that are enforced, as patterns. Each describes a part of what the format allows that every validator
 * accepts: dates that exist, times without leap seconds and with an offset, host names without a double hyphen, http
 * addresses. Other formats are annotations, as the specification has it.
 */

const DATE = String.raw`(?:\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))|(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)`;
const TIME = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+\-](?:[01]\d|2[0-3]):[0-5]\d)`;
const BYTE = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;
const LABEL = '[a-z0-9]{1,12}(?:-[a-z0-9]{1,12})?';
const HOST = String.raw`${LABEL}(?:\.${LABEL}){0,2}`;
const DOMAIN = String.raw`(?:${LABEL}\.){1,2}[a-z]{2,10}`;
const URL_CHAR = String.raw`(?:[A-Za-z0-9._~=+,;@\-]|%[0-9A-F]{2})`;

export const FORMATS: ReadonlyMap<string, string> = new Map([
  ['date', `^${DATE}$`],
  ['time', `^${TIME}$`],
  ['date-time', `^${DATE}T${TIME}$`],
  ['uuid', '^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'],
  ['email', String.raw`^[A-Za-z0-9_+\-]{1,30}(?:\.[A-Za-z0-9_+\-]{1,30})?@${DOMAIN}$`],
  ['ipv4', String.raw`^(?:${BYTE}\.){3}${BYTE}$`],
  ['hostname', `^${HOST}$`],
  [
    'uri',
    String.raw`^https?://${DOMAIN}(?::[1-9]\d{1,3})?(?:/(?:/?${URL_CHAR})*/?)?(?:\?(?:&|${URL_CHAR})*)?(?:#${URL_CHAR}*)?$`,
  ],
]);
