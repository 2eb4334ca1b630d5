// PURE. Which Received fields the receiving side wrote. The topmost certainly is; the one below it is too where the topmost says that the mail
// was handed over within the site: by LMTP, from a private address, or from nobody. Names prove nothing, because a sender can write them. What
// stands above an own Received field was written on the receiving side, because a sender's fields all lie below those that servers put on top.

/** Counts from the top; 0 where the mail bears none. */
export function countOwnHops(received: readonly string[]): number {
  const border = received.findIndex(field => !isWithinSite(field.slice(0, maxLength)))
  return border < 0 ? received.length : border + 1
}

const maxLength = 1_000

/** True if the server got the mail from its own site. */
function isWithinSite(field: string): boolean {
  if (!/^from\s/i.test(field)) return true
  if (/\sby\s.*\swith\s+LMTPS?A?\b/is.test(field)) return true
  const addresses = [...field.matchAll(bracketed)].map(([, address = '']) => address)
  return addresses.length > 0 && addresses.every(address => privateAddress.test(address))
}

/** What may be an address: anything of that shape that is not private keeps the field from counting. */
const bracketed = /[[(](?:IPv6:)?(\d+(?:\.\d+){3}|[\da-f]*:[\da-f:.]+)[\])]/gi
const privateAddress = /^(?:10\.|127\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.|192\.168\.|::1$|f[cd]|fe[89ab])/i
