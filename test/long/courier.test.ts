// Courier: no MOVE, mailboxes below INBOX, mail kept with the line ends of Maildir.
import { describe, test } from 'vitest'
import { chrootsImpossible } from '../support/chroot.ts'
import { startCourier } from '../support/courier.ts'
import { describeServer } from '../support/mail-flow.ts'

const why = chrootsImpossible()
if (why === null) describeServer('Courier', startCourier)
else describe('Courier', () => test('the flow of mail', context => context.skip(why)))
