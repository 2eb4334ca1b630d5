// A lease that nobody checks: whoever once owned an account writes its mail, however long he slept.
import { rewrite, slowWriting } from './rewrite.ts'

rewrite([
  ...slowWriting,
  {
    file: '/src/store/accounts/leases.ts',
    from: "  const row = await trx('accounts').where({ id: lease.accountId }).forUpdate().first('fence', 'lease_owner')\n",
    to: '  if (lease.accountId) return\n  const row = { lease_owner: trx, fence: 0 } as never as { lease_owner: string; fence: number }\n',
  },
  {
    file: '/src/store/accounts/mailboxes.ts',
    from: '.where({ id: lease.accountId, lease_owner: lease.owner, fence: lease.fence })',
    to: '.where({ id: lease.accountId })',
  },
])
