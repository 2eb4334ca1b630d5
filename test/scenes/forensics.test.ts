// The search of test/flow where the database user may not choose what row events show of a row.
import { testSealing } from '../support/sealing-forensics.ts'

testSealing({ accounts: 5, mayChooseRowImage: false, patienceMs: 120_000 })
