// Text and HTML of a mail, from its tree of parts. HTML is sanitised (sanitise.ts) only when somebody asks for it: ingest does not.
import { compile, type FormatCallback } from 'html-to-text'
import type { SafeHtml } from '../../model/parsed-message.ts'
import { sanitise } from '../html/sanitise.ts'
import { htmlMarks, markQuotations, quoteMarks, withoutMarks } from '../reply/quoted-html.ts'
import { decodeBody, type Part } from './boundary-scan.ts'
import { decodeCharset } from './charset.ts'
import { textOfEnriched } from './enriched-text.ts'

export interface Body {
  /** Whole plain text. */
  text: string
  /** The same, with marks where HTML says that a quotation begins (quoted-html.ts). */
  marked: string
  /** The HTML as it came, for telling quotations from new words; null without HTML. */
  rawHtml: string | null
  /** The HTML for a reader; null without HTML. */
  safeHtml(): SafeHtml | null
}

/** Of a part's encoded body; no text within the bounds needs more. */
const maxBytes = 8_000_000
/** Characters; what is longer is cut and marked. */
const maxText = 500_000
const maxHtml = 500_000
/** html-to-text takes long over large newsletters; what comes after this is left out of the text. */
const maxConverted = 200_000
const mark = '\n[… cut: the original has more]'

interface Piece {
  kind: 'text' | 'html' | 'enriched'
  content: string
  /** The same is also there in the other form. */
  alternative: boolean
}

/** Reads the text parts. `isText` tells which leaves are text to show, `bytesOf` what is left of one that held files. */
export function readBody(
  source: Buffer,
  root: Part,
  isText: (leaf: Part) => boolean,
  bytesOf: (leaf: Part) => Buffer | null = () => null,
): Body {
  const read = (leaf: Part) => readText(source, leaf, bytesOf(leaf))
  const pieces = collect(root, isText, read, false)
  const hasHtml = pieces.some(piece => piece.kind === 'html')
  return toBody(joinText(pieces), hasHtml ? joinHtml(pieces) : null)
}

/** A body within the bounds; `text` null = as the HTML says. */
export function toBody(text: string | null, wholeHtml: string | null): Body {
  const rawHtml = wholeHtml === null ? null : wholeHtml.slice(0, maxHtml)
  let safe: SafeHtml | null | undefined
  const marked = bound(text ?? (rawHtml === null ? '' : markedTextOf(rawHtml)))
  return {
    text: withoutMarks(marked),
    marked,
    rawHtml,
    safeHtml() {
      safe ??= wholeHtml === null ? null : sanitise(wholeHtml)
      return safe
    },
  }
}

function collect(
  part: Part,
  isText: (leaf: Part) => boolean,
  read: (leaf: Part) => string,
  alternative: boolean,
): Piece[] {
  if (part.children.length > 0) {
    const inside = part.children.flatMap(child => collect(child, isText, read, alternative))
    if (part.type.value !== 'multipart/alternative') return inside
    const kinds = new Set(inside.filter(piece => piece.content.trim() !== '').map(piece => piece.kind))
    if (kinds.has('enriched') && kinds.size > 1) return asAlternatives(inside.filter(({ kind }) => kind !== 'enriched'))
    return kinds.size < 2 ? inside : asAlternatives(inside)
  }
  if (!isText(part)) return []
  const kind = part.type.value === 'text/html' ? 'html' : isEnriched(part) ? 'enriched' : 'text'
  return [{ kind, content: read(part), alternative }]
}

function asAlternatives(pieces: readonly Piece[]): Piece[] {
  const kinds = new Set(pieces.map(piece => piece.kind))
  return pieces.map(piece => ({ ...piece, alternative: kinds.size > 1 }))
}

function isEnriched(part: Part): boolean {
  return /^text\/(enriched|richtext)$/.test(part.type.value)
}

/** The decoded text of a leaf, line ends as `\n`. */
export function readText(source: Buffer, part: Part, decoded: Buffer | null = null): string {
  const bytes =
    decoded?.subarray(0, maxBytes) ??
    decodeBody(source.subarray(part.start, Math.min(part.end, part.start + maxBytes)), part.encoding)
  // Behind a comma or a blank stands another parameter.
  const [declared = ''] = (part.type.params.get('charset') ?? '').split(/[\s,;]/, 1)
  const charset = declared === '' && part.type.value === 'text/html' ? charsetOfHtml(bytes) : declared
  const text = decodeCharset(bytes, charset)
    .replace(/\r{1,9}\n|\r/g, '\n')
    .replaceAll('\0', '')
  if (isEnriched(part)) return textOfEnriched(text)
  return part.type.params.get('format')?.toLowerCase() === 'flowed'
    ? unflow(text, part.type.params.get('delsp')?.toLowerCase() === 'yes')
    : text
}

function charsetOfHtml(bytes: Buffer): string {
  return /<meta[^>]+charset\s*=\s*["']?([\w-]+)/i.exec(bytes.toString('latin1', 0, 2048))?.[1] ?? ''
}

/** Levels of quotation that are told apart. */
const maxQuoted = 20

/** RFC 3676 §4: lines that end in a space go on in the next one of the same quotation depth. */
function unflow(text: string, deleteSpace: boolean): string {
  const out: { depth: number; pieces: string[]; open: boolean }[] = []
  for (const raw of text.split('\n')) {
    const quote = /^>*/.exec(raw)?.[0] ?? ''
    const line = raw.slice(quote.length).replace(/^ /, '')
    const last = out.at(-1)
    const open = line.endsWith(' ') && line !== '-- '
    if (last?.open && last.depth === quote.length && line !== '-- ') {
      last.pieces.push(deleteSpace && open ? line.slice(0, -1) : line)
      last.open = open
    } else out.push({ depth: quote.length, pieces: [deleteSpace && open ? line.slice(0, -1) : line], open })
  }
  return out
    .map(({ depth, pieces }) => ({ marks: '>'.repeat(Math.min(depth, maxQuoted)), line: pieces.join('') }))
    .map(({ marks, line }) => `${marks}${marks !== '' && line !== '' ? ' ' : ''}${line}`)
    .join('\n')
}

function joinText(pieces: readonly Piece[]): string {
  const shown = pieces.filter(piece => piece.kind !== 'html' || !piece.alternative)
  return shown
    .map(piece => (piece.kind === 'html' ? markedTextOf(piece.content) : withoutMarks(piece.content)))
    .map(withoutLastBreaks)
    .filter(text => text.trim() !== '')
    .join('\n\n')
}

function joinHtml(pieces: readonly Piece[]): string {
  const shown = pieces.filter(piece => piece.kind === 'html' || !piece.alternative)
  return shown
    .map(piece => (piece.kind === 'html' ? piece.content : `<pre>${escapeHtml(piece.content)}</pre>`))
    .filter(html => html.trim() !== '' && html !== '<pre></pre>')
    .join('\n')
}

function escapeHtml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}

const toText = compile({
  wordwrap: false,
  limits: { maxInputLength: maxConverted, maxDepth: 400 },
  formatters: { cell: formatCell, quotation: formatQuotation },
  selectors: [
    // A row is a line and its cells are words apart, whether the table holds figures or is only there for the looks.
    { selector: 'tr', format: 'block', options: { leadingLineBreaks: 1, trailingLineBreaks: 1 } },
    { selector: 'td', format: 'cell' },
    { selector: 'th', format: 'cell' },
    { selector: 'blockquote', format: 'quotation' },
    { selector: 'a', options: { ignoreHref: true } },
    { selector: 'img', format: 'skip' },
    { selector: 'style', format: 'skip' },
    { selector: 'head', format: 'skip' },
    ...[1, 2, 3, 4, 5, 6].map(level => ({ selector: `h${level}`, options: { uppercase: false } })),
  ],
})

function formatCell(...[cell, walk, builder]: Parameters<FormatCallback>): void {
  walk(cell.children, builder)
  builder.addInline(' ')
}

/** With `>`, and a mark where that does not yet say that it is a quotation. */
function formatQuotation(...[quote, walk, builder]: Parameters<FormatCallback>): void {
  const { type, class: classes } = quote.attribs ?? {}
  const opens =
    type === 'cite' ? quoteMarks.cite : /\bgmail_quote\b/.test(classes ?? '') ? quoteMarks.indented : quoteMarks.block
  builder.openBlock({ leadingLineBreaks: 2, reservedLineLength: 2 })
  walk(quote.children, builder)
  builder.closeBlock({
    trailingLineBreaks: 2,
    blockTransform: block => `${opens}${withoutOuterBreaks(block)}${quoteMarks.end}`,
  })
}

const prefixes: ReadonlyMap<string, string> = new Map([
  [quoteMarks.cite, '> '],
  [quoteMarks.indented, `${htmlMarks.indented}> `],
  [quoteMarks.block, `${htmlMarks.block}> `],
])

/** Lines inside of blocks with their `>`: all levels in one pass, since each level alone would write all lines anew. */
function quoteBlocks(text: string): string {
  const open: string[] = []
  const line = (marked: string): string => {
    let from = 0
    for (
      let prefix = prefixes.get(marked[from] ?? '');
      prefix !== undefined;
      prefix = prefixes.get(marked[from] ?? '')
    ) {
      // What is deeper is quoted as deeply.
      open.push(open.length < maxQuoted ? `${open.at(-1) ?? ''}${prefix}` : (open.at(-1) ?? ''))
      from += 1
    }
    const quoted = `${open.at(-1) ?? ''}${marked.slice(from).replaceAll(quoteMarks.end, '')}`
    for (const letter of marked) if (letter === quoteMarks.end) open.pop()
    return quoted
  }
  return text.split('\n').map(line).join('\n')
}

function withoutOuterBreaks(block: string): string {
  let start = 0
  while (block[start] === '\n') start++
  return withoutLastBreaks(block.slice(start))
}

function withoutLastBreaks(text: string): string {
  let end = text.length
  while (text[end - 1] === '\n') end--
  return text.slice(0, end)
}

/** HTML as a reader without a browser sees it. */
export function textOfHtml(html: string): string {
  return withoutMarks(markedTextOf(html))
}

function markedTextOf(html: string): string {
  const text = quoteBlocks(toText(markQuotations(withoutInherited(html.slice(0, maxConverted)))).replaceAll('\0', ''))
  return html.length > maxConverted ? `${text}${mark}` : text
}

/** html-to-text looks elements up in a plain object, which has this one from the start. */
function withoutInherited(html: string): string {
  return html.replace(/<(\/?)constructor(?![^\s/>])/gi, '<$1span')
}

function bound(text: string): string {
  return text.length <= maxText ? text : `${text.slice(0, maxText).replace(/[\ud800-\udbff]$/, '')}${mark}`
}
