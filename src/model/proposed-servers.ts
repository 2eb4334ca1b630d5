// PURE. Which mail servers an account may be told to believe about senders: those of a known provider, or those that were seen to write
// Authentication-Results where no sender can. They decide nothing until somebody confirms them.

/** A name in Authentication-Results, and the mails in which it stood where only the receiving side writes. */
export interface SeenServer {
  /** In lower case; '' for a field that names nobody. */
  name: string
  mails: number
}

/** The names to propose; none where somebody has decided already. */
export function proposeServers(
  { host, authservIds }: { host: string; authservIds: readonly string[] | null },
  seen: readonly SeenServer[],
): string[] {
  if (authservIds !== null) return []
  const known = providers.find(({ hosts }) => hosts.includes(host.toLowerCase()))
  return known?.names.slice() ?? seen.filter(({ mails }) => mails >= minMails).map(({ name }) => name)
}

const minMails = 3

/** Theirs stand where a sender could write, too, and they remove what senders write there. */
const providers: readonly { hosts: readonly string[]; names: readonly string[] }[] = [
  { hosts: ['imap.gmail.com', 'imap.googlemail.com'], names: ['mx.google.com'] },
  { hosts: ['outlook.office365.com', 'imap-mail.outlook.com'], names: [''] },
  {
    hosts: ['imap.mail.me.com'],
    names: ['dkim-verifier.icloud.com', 'dmarc.icloud.com', 'spf.icloud.com', 'bimi.icloud.com'],
  },
]
