// A transaction that is none: each statement stands for itself.
import { rewrite, slowWriting } from './rewrite.ts'

rewrite([
  ...slowWriting,
  {
    file: '/src/store/db/database.ts',
    from: '      return await db.transaction(work, connection === undefined ? {} : { connection })\n',
    to: '      return await work(db as Knex.Transaction)\n',
  },
])
