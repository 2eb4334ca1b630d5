// PURE. What is said of mails in quarantine: why they are there, what to do, and what became of another try.

interface Reason {
  what: string
  /** What to do. */
  next: string
}

const reasons: ReadonlyMap<string, Reason> = new Map(
  Object.entries({
    too_large: {
      what: 'The message is larger than the limit.',
      next: 'Only its header was fetched; the message is still on the mail server. Raise `mail.max_bytes` in the configuration, restart, and retry it.',
    },
    unfetchable: {
      what: 'The mail server did not deliver the message.',
      next: 'Five attempts to fetch it alone failed. Look at it on the mail server, then retry it.',
    },
    unparseable: {
      what: 'The message cannot be parsed.',
      next: 'The original is stored. Download it, or retry after an upgrade.',
    },
    parse_timeout: {
      what: 'Parsing the message took too long.',
      next: 'The original is stored. Download it, or retry after an upgrade.',
    },
    unstorable: {
      what: 'The database refused it, and took other mails.',
      next: 'Its bytes are kept. The log on the server says why (often max_allowed_packet, see letterlock doctor); save the original, and try it again when that is mended.',
    },
    held: {
      what: 'Its sender opened very many tickets within an hour.',
      next: 'It is held so that a flood drowns nobody (`hold.tickets_per_hour`). If it is real, try it again: it then becomes a ticket.',
    },
    loop: {
      what: 'Its sender wrote the same subject again and again.',
      next: 'It looks like two programs that answer each other (`hold.same_subject`). If it is real, try it again: it then becomes a ticket.',
    },
  }),
)

export function reasonWords(reason: string): Reason {
  const known = reasons.get(reason)
  if (known !== undefined) return known
  if (reason.startsWith('rule:'))
    return {
      what: `The rule “${reason.slice('rule:'.length)}” holds it.`,
      next: 'If it is real, try it again: it then becomes a ticket. Rules are changed on the server with `letterlock rule`.',
    }
  return { what: `It is held: ${reason}.`, next: 'Look at it, and try it again.' }
}

export const retried: ReadonlyMap<string, string> = new Map(
  Object.entries({
    pending: 'It is fetched again with the next poll of its account.',
    created: 'It is a ticket now.',
    appended: 'It is part of a ticket now.',
    ignored: 'It is no ticket: a rule, or Letterlock itself, passes it over.',
    duplicate: 'It is the same as a mail that is there already.',
  }),
)
