// PURE. The allow-list: elements and attributes that a mail's HTML may keep. The sanitiser applies it before anything is stored, and the
// page that shows a mail holds what it reads from the database against it once more.
//
// Nothing that is stored can load or lead anywhere by itself, not even in a page without a policy: there is no `href` and no `src`. Their
// values stand in attributes that mean nothing to a browser, and mail-html.ts puts back what a reader asks for:
//   data-href        of a link (http, https, mailto)
//   data-remote-src  of an image elsewhere
//   data-cid         of an image that came with the mail
//   data-image       an image written into the mail itself (`data:`)
import { isSafeStyle } from './safe-style.ts'

/** The frequent ones first: the list is searched from its beginning. */
export const tags: readonly string[] = (
  'td div tr p span a br img table tbody b strong font li ul i em u h1 h2 h3 center hr blockquote th ol pre small sub sup code h4 h5 h6 ' +
  'thead tfoot col colgroup caption abbr address article aside bdi bdo big cite dd del details dfn dl dt figcaption figure footer ' +
  'header ins kbd main mark nav q rp rt ruby s samp section strike summary time tt var wbr'
).split(' ')

const length = /^\d{1,5}(?:\.\d{1,4})?(?:px|%)?$/
const number = /^\d{1,4}$/
const colour = /^#?[a-z0-9]{1,30}$/i
const word = /^[a-z-]{1,20}$/i
const image = /^data:image\/(?:png|gif|jpe?g|webp|bmp);base64,[A-Za-z0-9+/=]+$/

type Check = RegExp | ((value: string) => boolean)

const everywhere: Readonly<Record<string, Check>> = {
  style: isSafeStyle,
  align: word,
  valign: word,
  width: length,
  height: length,
  bgcolor: colour,
  border: length,
  cellpadding: length,
  cellspacing: length,
  nowrap: /^(?:nowrap)?$/i,
  hidden: /^(?:hidden)?$/i,
  class: /^mail-[A-Za-z]{1,30}$/,
  dir: /^(?:ltr|rtl|auto)$/i,
  lang: /^[\w-]{1,35}$/,
  title: value => value.length <= 500,
}

const cell = { colspan: number, rowspan: number }

const only: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  a: { 'data-href': value => value.length <= 16_000 },
  img: {
    'data-cid': value => value.length <= 998,
    'data-remote-src': value => value.length <= 16_000,
    'data-image': image,
    alt: value => value.length <= 1_000,
    hspace: number,
    vspace: number,
  },
  font: { color: colour, size: /^[+-]?\d$/, face: /^[\p{L}\w\s,'"-]{1,200}$/u },
  td: cell,
  th: { ...cell, scope: word },
  col: { span: number },
  colgroup: { span: number },
  ol: { start: number, type: /^[1aAiI]$/, reversed: /^(?:reversed)?$/ },
  ul: { type: word },
  li: { type: /^(?:[1aAiI]|disc|circle|square)$/, value: number },
  hr: { size: number, noshade: /^(?:noshade)?$/i, color: colour },
  details: { open: /^(?:open)?$/i },
}

/** Whether an element of this name may have this attribute with this value (decoded). */
export function isSafeAttribute(tag: string, name: string, value: string): boolean {
  const check = own(everywhere, name) ?? own(own(only, tag) ?? {}, name)
  if (check === undefined) return false
  return typeof check === 'function' ? check(value) : check.test(value)
}

/** For each element, the names of the attributes that it may have; `*` = all elements. */
export const attributes: Readonly<Record<string, string[]>> = {
  '*': Object.keys(everywhere),
  ...Object.fromEntries(Object.entries(only).map(([tag, checks]) => [tag, Object.keys(checks)])),
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}
