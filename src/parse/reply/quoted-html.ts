// PURE. Where HTML itself says that a quotation or a signature begins: the containers of the mail programs, whatever language they speak. They are
// marked by letters of private use that stand in the text for a while, until the new words are found; no text that is stored has them.

export const htmlMarks = {
  /** A copy of another mail begins, to the end of the text. */
  copy: '\ue0c0',
  /** The next line introduces a quotation. */
  introduction: '\ue0c1',
  signature: '\ue0c2',
  /** Before the `>` of a block that Gmail only indents, unless the text introduces it. */
  indented: '\ue0c3',
  /** Before the `>` of a block of which HTML says nothing: the last one is a quotation. */
  block: '\ue0c4',
} as const

/** Around a block, until its lines have their `>`. */
export const quoteMarks = { cite: '\ue0c5', indented: '\ue0c6', block: '\ue0c7', end: '\ue0c8' } as const

const anyMark = /[\ue0c0-\ue0c8]/

export function withoutMarks(text: string): string {
  if (!anyMark.test(text)) return text
  return text.replace(/\n[\ue0c0-\ue0c8]+(?=\n)/g, '').replace(/[\ue0c0-\ue0c8]/g, '')
}

/** Containers whose content nobody answers inside of; those that do hold answers have blockquotes, which are seen by themselves. */
const copies =
  /\bid\s?=\s?["']?(?:x_)?(?:divRplyFwdMsg|appendonsend|stopSpelling|OLK_SRC_BODY_SECTION|mail-editor-reference-message-container|zwchr|isReplyContent|yahoo_quoted_)|\bclass\s?=\s?["']?[^"'>]{0,60}\b(?:yahoo_quoted|OutlookMessageHeader|ms-outlook-mobile-reference-message|zmail_extra|freshdesk_quote)\b|data-marker\s?=\s?["']?__(?:DIVIDER|QUOTED_TEXT)__|\bname\s?=\s?["']?messageReplySection|border-top:\s?solid #(?:E1E1E1|B5C4DF) 1\.0pt/i
const introductions = /\bclass\s?=\s?["']?[^"'>]{0,60}\b(?:gmail_attr|moz-cite-prefix)\b|\bid\s?=\s?["']?reply-intro\b/i
const signatures =
  /\bclass\s?=\s?["']?[^"'>]{0,60}\b(?:gmail_signature|moz-signature|protonmail_signature_block|AppleMailSignature|ms-outlook-mobile-signature)\b|\bid\s?=\s?["']?(?:Signature|ms-outlook-mobile-signature|AppleMailSignature)["'\s>]|data-marker\s?=\s?["']?__SIG_(?:PRE|POST)__/i

/** Quick: none of them is there. */
const quick =
  /divRplyFwdMsg|appendonsend|stopSpelling|OLK_SRC_BODY|mail-editor-ref|zwchr|isReplyContent|yahoo_quoted|OutlookMessageHeader|ms-outlook-mobile|zmail_extra|freshdesk_quote|__(?:DIVIDER|QUOTED|SIG_)|messageReplySection|border-top:\s?solid|gmail_attr|moz-cite-prefix|reply-intro|signature/i

/** HTML with a mark before each beginning. */
export function markQuotations(html: string): string {
  const clean = withoutMarks(html)
  if (!quick.test(clean)) return clean
  return clean.replace(/<(?:div|hr|span|a|pre|p|section|table)\s[^<>]{1,600}>/gi, tag => {
    if (copies.test(tag)) return `<div>${htmlMarks.copy}</div>${tag}`
    if (introductions.test(tag)) return `${tag}${htmlMarks.introduction}`
    return signatures.test(tag) ? `<div>${htmlMarks.signature}</div>${tag}` : tag
  })
}
