// The HTML of a mail as it is shown: nothing in it runs, fetches, leads or leaves its place (safe-html.ts says what may stay, and where
// the addresses of links and images go until a reader asks for them). Tracking pixels are taken out; what a reader should be warned of
// is noted. Bounded: HTML that is too large is cut, what nests too deep loses its structure but keeps its words.
import sanitizeHtml, { type IOptions } from 'sanitize-html'
import type { HtmlFlag, SafeHtml } from '../../model/parsed-message.ts'
import { hasWords, isHidden, plainSight, type Sight, sightInside } from './hidden-text.ts'
import { attributes, isSafeAttribute, tags } from './safe-html.ts'
import { oddities, safeImage, safeLink } from './safe-link.ts'
import { readStyle, type Style } from './safe-style.ts'
import { isTracking } from './tracking.ts'

/** Characters. */
const maxHtml = 500_000
/** Begin and end tags: the parser looks through all open elements at each end. */
const maxTags = 40_000
/** Browsers nest no deeper than 512. */
const maxDepth = 400
const cutMark = '<p>[… cut: the original has more]</p>'

/** HTML that may be shown, and what was found in it. */
export function sanitise(html: string): SafeHtml {
  const source = withinBounds(html.includes('\0') ? html.replaceAll('\0', '') : html)
  const pass = new Pass()
  const safe = sanitizeHtml(source.html, pass.options())
  if (source.cut) pass.flags.add('too-large')
  return {
    html: source.cut ? `${safe.toWellFormed()}${cutMark}` : safe,
    notes: { remoteImages: pass.remoteImages, trackingPixels: pass.dropped.size, flags: [...pass.flags].sort() },
  }
}

function withinBounds(html: string): { html: string; cut: boolean } {
  let [tagsLeft, end] = [maxTags, html.length]
  for (let at = html.indexOf('<'); at >= 0; at = html.indexOf('<', at + 1)) {
    if (tagsLeft-- > 0 && at < maxHtml) continue
    end = at
    break
  }
  end = Math.min(end, maxHtml)
  return { html: html.slice(0, end), cut: end < html.length }
}

/** Without their content. Every other element that is not allowed leaves its content behind. */
const withContent = (
  'script style title textarea option noscript noembed noframes template iframe frameset object embed applet svg math xmp audio ' +
  'video canvas'
).split(' ')

const active = new Set('script iframe frame frameset object embed applet portal'.split(' '))
const forms = new Set('form input textarea select button'.split(' '))

/** Styles of Outlook that a page knows, since without them every paragraph stands alone. */
const knownClasses: ReadonlySet<string> = new Set(['MsoNormal', 'MsoNoSpacing', 'MsoPlainText', 'MsoListParagraph'])

interface Place {
  sight: Sight
  link: { href: string; words: string } | null
}

const maxWords = 300

/** One mail on its way through the library, whose hooks it follows: opened, transformed, text, filtered, closed. */
class Pass {
  readonly flags = new Set<HtmlFlag>()
  /** Attributes of the images that are to go. */
  readonly dropped = new Set<object>()
  remoteImages = 0
  readonly #places: Place[] = []
  #place: Place = { sight: plainSight, link: null }
  readonly #styles = new Map<string, Style>()

  options(): IOptions {
    return {
      allowedTags: tags as string[],
      allowedAttributes: attributes,
      // Addresses were judged by then, and stand where they do nothing.
      allowedSchemesAppliedToAttributes: [],
      parseStyleAttributes: false,
      nestingLimit: maxDepth,
      nonTextTags: withContent,
      onOpenTag: () => this.#open(),
      onCloseTag: () => this.#close(),
      transformTags: { '*': (tag, found) => this.#transform(tag, found) },
      textFilter: text => this.#read(text),
      exclusiveFilter: ({ attribs }) => this.dropped.has(attribs),
    }
  }

  #open(): void {
    this.#places.push(this.#place)
    if (this.#places.length > maxDepth) this.flags.add('too-deep')
  }

  #close(): void {
    const inside = this.#place
    this.#place = this.#places.pop() ?? inside
    if (inside.link === null || inside.link === this.#place.link) return
    for (const oddity of oddities(inside.link.href, inside.link.words)) this.flags.add(oddity)
  }

  #read(escaped: string): string {
    const { link, sight } = this.#place
    if (link !== null && link.words.length < maxWords) link.words += unescaped(escaped).slice(0, maxWords)
    if (isHidden(sight) && !this.flags.has('hidden-text') && hasWords(escaped)) this.flags.add('hidden-text')
    return escaped
  }

  #transform(tag: string, found: Record<string, string>): { tagName: string; attribs: Record<string, string> } {
    this.#noteActive(tag, found)
    const style = found.style === undefined ? null : this.#readStyle(found.style)
    const sight = sightInside(this.#place.sight, found, style?.look ?? null)
    const attribs = keepSafe(tag, found, style)
    const href = tag === 'a' && found.href !== undefined ? safeLink(found.href) : null
    if (href !== null) attribs['data-href'] = href
    const link = href === null ? this.#place.link : { href, words: '' }
    if (sight !== this.#place.sight || link !== this.#place.link) this.#place = { sight, link }
    if (tag === 'img') this.#keepImage(found, attribs, style)
    // What a whole newsletter looks like is often said there.
    return { tagName: tag === 'body' && Object.keys(attribs).length > 0 ? 'div' : tag, attribs }
  }

  #readStyle(style: string): Style {
    const known = this.#styles.get(style)
    if (known !== undefined) return known
    const read = readStyle(style)
    this.#styles.set(style, read)
    return read
  }

  #noteActive(tag: string, found: Readonly<Record<string, string>>): void {
    if (forms.has(tag)) this.flags.add('form')
    // Facts for machines about an order or a flight, as many senders add them.
    if (active.has(tag) && !/json/i.test(found.type ?? '')) this.flags.add('active-content')
    if (tag === 'meta' && /refresh/i.test(found['http-equiv'] ?? '')) this.flags.add('active-content')
    for (const name in found) {
      const runs = name.startsWith('on') || (linking.has(name) && script.test((found[name] ?? '').slice(0, 200)))
      if (runs) this.flags.add('active-content')
    }
  }

  #keepImage(found: Readonly<Record<string, string>>, attribs: Record<string, string>, style: Style | null): void {
    const src = (found.src ?? '').trim()
    if (/^cid:/i.test(src)) attribs['data-cid'] = src.slice(4).trim().slice(0, 998)
    else if (/^data:/i.test(src)) attribs['data-image'] = src.replace(/\s+/g, '').replace(/^data:image/i, 'data:image')
    else this.#keepRemoteImage(safeImage(src), found, attribs, style)
    if (!isSafeAttribute('img', 'data-image', attribs['data-image'] ?? '')) delete attribs['data-image']
  }

  #keepRemoteImage(
    src: string | null,
    found: Readonly<Record<string, string>>,
    attribs: Record<string, string>,
    style: Style | null,
  ): void {
    if (src === null) return
    const { width = '', height = '' } = found
    const hidden = this.#place.sight.hidden
    if (isTracking({ src, width, height, styled: style?.look ?? {}, hidden })) this.dropped.add(attribs)
    else {
      attribs['data-remote-src'] = src
      this.remoteImages++
    }
  }
}

const linking: ReadonlySet<string> = new Set([
  'href',
  'src',
  'action',
  'formaction',
  'background',
  'data',
  'xlink:href',
])
const script = /^[\s\p{Cc}]*(?:j\s*a\s*v\s*a|v\s*b)\s*s\s*c\s*r\s*i\s*p\s*t\s*:/iu

function keepSafe(tag: string, found: Readonly<Record<string, string>>, style: Style | null): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name in found) {
    // Ours, not the mail's.
    if (name === 'style' || name.startsWith('data-')) continue
    const value = found[name] ?? ''
    if (name === 'class') keepClass(value, kept)
    else if (isSafeAttribute(tag, name, value)) kept[name] = value
  }
  if (style !== null && style.text !== '') kept.style = style.text
  return kept
}

function keepClass(value: string, kept: Record<string, string>): void {
  const known = value
    .slice(0, 200)
    .split(/\s+/)
    .find(name => knownClasses.has(name))
  if (known !== undefined) kept.class = `mail-${known}`
}

function unescaped(text: string): string {
  return text.includes('&')
    ? text
        .replace(/&lt;/g, '<')
        .replace(/&gt;/g, '>')
        .replace(/&quot;/g, '"')
        .replace(/&amp;/g, '&')
    : text
}
