// PURE. Which name a mailbox has on a server with namespaces (RFC 2342). Where the user's own mailboxes lie below a prefix, as `INBOX.`,
// `Support` means `INBOX.Support`. A name that lies in another namespace, of other users or shared, is whole as it stands.

/** What NAMESPACE answered, as the library keeps it: `false` for NIL. */
export interface Namespaces {
  personal: Namespace[] | false
  other: Namespace[] | false
  shared: Namespace[] | false
}

interface Namespace {
  /** In modified UTF-7, with the delimiter at its end. */
  prefix: string
  delimiter: string | null | undefined
}

/** Tells the whole name of a mailbox from the one that was given. Of the user's own namespaces the first is where a name without a prefix lies. */
export function wholeNames(namespaces: Namespaces | undefined): (name: string) => string {
  const { personal, other, shared } = namespaces ?? { personal: false, other: false, shared: false }
  const prefix = fromModifiedUtf7((personal || [])[0]?.prefix ?? '')
  const known = [...(personal || []), ...(other || []), ...(shared || [])]
    .filter(namespace => namespace.prefix !== '')
    .map(namespace => ({ ...namespace, prefix: fromModifiedUtf7(namespace.prefix) }))
  const isWhole = (name: string): boolean => known.some(namespace => liesIn(namespace, name))
  return name => (name.toUpperCase() === 'INBOX' || isWhole(name) ? name : `${prefix}${name}`)
}

/** The name of the namespace itself, `#shared`, may be a mailbox as well. */
function liesIn({ prefix, delimiter }: Namespace, name: string): boolean {
  return name.startsWith(prefix) || (Boolean(delimiter) && `${name}${delimiter}` === prefix)
}

/** Mailbox names are written so on the wire (RFC 3501 §5.1.3). */
function fromModifiedUtf7(text: string): string {
  return text.replace(/&([A-Za-z0-9+,]*)-/g, (_, encoded: string) => {
    if (encoded === '') return '&'
    const units = Buffer.from(encoded.replaceAll(',', '/'), 'base64')
    return units
      .subarray(0, units.length & ~1)
      .swap16()
      .toString('utf16le')
  })
}
