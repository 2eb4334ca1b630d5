// Cyrus, with each of its two ways to spell mailboxes.
import { describe, test } from 'vitest'
import { chrootsImpossible } from '../support/chroot.ts'
import { startCyrus } from '../support/cyrus.ts'
import { describeServer } from '../support/mail-flow.ts'

const why = chrootsImpossible()
if (why === null) {
  describeServer('Cyrus, mailboxes beside INBOX', () => startCyrus('/'))
  describeServer('Cyrus, mailboxes below INBOX', () => startCyrus('INBOX.'))
} else {
  describe('Cyrus', () => test('the flow of mail', context => context.skip(why)))
}
