// Markup. Whatever stands in `${}` is escaped unless it is markup itself, which is another type than text: no mark in a template can
// turn text into markup by mistake. Attributes always stand in double quotes. Nothing here makes markup of a string.
import { HtmlSafeString, join as joined } from 'escape-html-template-tag'

export type Html = HtmlSafeString

/** Nothing, false and null show nothing. */
export type Content = Html | string | number | bigint | null | undefined | false | readonly Content[]

export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new HtmlSafeString(parts, contents.map(toShown))
}

function toShown(content: Content): unknown {
  if (content === null || content === undefined || content === false) return ''
  return Array.isArray(content) ? content.map(toShown) : content
}

/** ` name="value"` for each, ` name` where it is true; what is undefined or false is left out. */
export function attributes(pairs: Readonly<Record<string, string | number | boolean | undefined>>): Html {
  const shown = Object.entries(pairs).filter(([, value]) => value !== undefined && value !== false)
  return joined(
    shown.map(([name, value]) => (value === true ? html` ${name}` : html` ${name}="${String(value)}"`)),
    '',
  )
}
