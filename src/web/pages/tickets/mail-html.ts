// PURE. A mail's HTML as the whole document of a sandboxed frame, with the headers to send it under. The page puts it in
// `<iframe sandbox="…" src="…">`; without scripts and without an origin of its own it can reach neither the page nor its cookies.
//
// Walls, one behind the other: the HTML was sanitised when it was derived from the raw mail; here every tag is held against the allow-list again and
// what does not pass is left out; then the document's own policy (in its headers, and again in its head) and the frame's sandbox.
//
// What a reader asks for is a new document: images = 'allowed' gives remote images their addresses back, links = 'allowed' the links
// (http, https and mailto only; in a new window that knows neither its opener nor where it was opened from). Until then a link is text
// whose address is shown when the pointer rests on it.
//
// For those who serve it: requests from such a frame carry no cookies and count as cross-origin. The path of an inline image must carry
// its own permission (a signature that expires), and the image be served with `Cross-Origin-Resource-Policy: cross-origin`.

import { isSafeAttribute, tags } from '../../../parse/html/safe-html.ts'
import { safeImage, safeLink } from '../../../parse/html/safe-link.ts'
import { contentKey } from '../../../parse/mime/content-key.ts'

export interface InlineImage {
  contentId: string | null
  contentType: string
}

export interface MailHtmlOptions<A extends InlineImage> {
  images: 'blocked' | 'allowed'
  links: 'blocked' | 'allowed'
  attachments: readonly A[]
  /** Where an attachment is served from: a path that begins with `/`. */
  attachmentPath(attachment: A): string
}

export interface MailDocument {
  body: string
  headers: Readonly<Record<string, string>>
  /** For the frame's attribute of this name. */
  sandbox: string
}

/** The document that shows `html`, as sanitise() left it. */
export function mailDocument<A extends InlineImage>(html: string, options: MailHtmlOptions<A>): MailDocument {
  const sandbox = sandboxOf(options.links)
  const policy = [
    "default-src 'none'",
    `img-src 'self' data:${options.images === 'allowed' ? ' https: http:' : ''}`,
    "style-src 'unsafe-inline'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  return {
    body: `${head(policy)}<body>\n${withAddresses(html, options)}\n</body>\n</html>\n`,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `${policy}; frame-ancestors 'self'; sandbox${sandbox === '' ? '' : ` ${sandbox}`}`,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      'x-dns-prefetch-control': 'off',
      'referrer-policy': 'no-referrer',
      'cache-control': 'private, no-store',
    },
    sandbox,
  }
}

/** What a frame may do that shows such a document: nothing, or open links in windows of their own. */
export function sandboxOf(links: 'blocked' | 'allowed'): string {
  return links === 'allowed' ? 'allow-popups allow-popups-to-escape-sandbox' : ''
}

function head(policy: string): string {
  return `<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<meta http-equiv="x-dns-prefetch-control" content="off">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light">
<title>Mail</title>
<style>${sheet}</style>
</head>
`
}

// Mails are written for white paper. An image that is not shown leaves its frame, so that the rest stays where it is.
const sheet = `
html { background: #fff; color: #000; }
body { margin: 12px; font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: break-word; }
img:not([src]) { outline: 1px dashed #bbb; outline-offset: -1px; }
a { color: #06c; text-decoration: underline; }
pre { white-space: pre-wrap; }
blockquote { margin: 0 0 0 6px; padding-left: 10px; border-left: 2px solid #ccc; }
.mail-MsoNormal, .mail-MsoNoSpacing, .mail-MsoPlainText, .mail-MsoListParagraph { margin: 0; }
.mail-MsoListParagraph { margin-left: 36pt; }
`

const known: ReadonlySet<string> = new Set(tags)

/** In sanitised HTML, `<` begins a tag and nothing else; values stand in double quotes. */
function withAddresses<A extends InlineImage>(html: string, options: MailHtmlOptions<A>): string {
  const byId = imagesById(options.attachments)
  return html.replaceAll('\0', '').replace(/<[^<>]*>?/g, tag => {
    const [, end = '', name = '', rest = ''] =
      /^<(\/?)([a-z][a-z0-9]{0,15})((?: [a-z][a-z-]*(?:="[^"<>]*")?)*)(?: \/)?>$/.exec(tag) ?? []
    if (!known.has(name)) return ''
    if (end !== '') return `</${name}>`
    const found = attributesIn(rest)
    const kept: Pair[] = [...found].filter(
      ([key, value]) => !key.startsWith('data-') && isSafeAttribute(name, key, value),
    )
    if (name === 'img') kept.push(...imageSource(found, byId, options))
    if (name === 'a') return beginTag(name, [...kept.filter(([key]) => key !== 'title'), ...linkTarget(found, options)])
    return beginTag(name, kept)
  })
}

type Pair = readonly [string, string]

function attributesIn(rest: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, name = '', value = ''] of rest.matchAll(/ ([a-z][a-z-]*)(?:="([^"]*)")?/g))
    found.set(name, unescaped(value))
  return found
}

function beginTag(name: string, pairs: readonly Pair[]): string {
  return `<${name}${pairs.map(([key, value]) => ` ${key}="${escaped(value)}"`).join('')}>`
}

function linkTarget(found: ReadonlyMap<string, string>, { links }: { links: 'blocked' | 'allowed' }): Pair[] {
  const href = safeLink(found.get('data-href') ?? '')
  if (href === null) return []
  const title: Pair = ['title', href.slice(0, 2_000)]
  if (links === 'blocked') return [title]
  return [title, ['href', href], ['target', '_blank'], ['rel', 'noopener noreferrer nofollow']]
}

function imageSource<A extends InlineImage>(
  found: ReadonlyMap<string, string>,
  byId: ReadonlyMap<string, A>,
  options: MailHtmlOptions<A>,
): Pair[] {
  const [cid, remote, data] = ['data-cid', 'data-remote-src', 'data-image'].map(name => found.get(name))
  const image = byId.get(contentKey(cid ?? remote ?? ''))
  if (cid !== undefined || image !== undefined) {
    const path = image === undefined ? '' : options.attachmentPath(image)
    // A path of ours: `//` would be another host's.
    return /^\/(?![/\\])/.test(path) ? [['src', path]] : []
  }
  if (data !== undefined) return isSafeAttribute('img', 'data-image', data) ? [['src', data]] : []
  const src = options.images === 'allowed' && remote !== undefined ? safeImage(remote) : null
  return src === null
    ? []
    : [
        ['src', src],
        ['referrerpolicy', 'no-referrer'],
      ]
}

// Formats that are nothing but a picture: an SVG file is a document.
const picture = /^image\/(png|gif|jpe?g|pjpeg|webp|bmp|x-ms-bmp|avif|x-icon|vnd\.microsoft\.icon)$/

/** The first of each id, as mail programs take it. */
function imagesById<A extends InlineImage>(attachments: readonly A[]): Map<string, A> {
  const byId = new Map<string, A>()
  for (const attachment of attachments) {
    const id = contentKey(attachment.contentId ?? '')
    if (id !== '' && picture.test(attachment.contentType) && !byId.has(id)) byId.set(id, attachment)
  }
  return byId
}

function unescaped(text: string): string {
  return text.replace(/&(lt|gt|quot|amp);/g, (_, name: 'lt' | 'gt' | 'quot' | 'amp') => signs[name])
}

const signs = { lt: '<', gt: '>', quot: '"', amp: '&' } as const

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}
