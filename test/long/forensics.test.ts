// The same search with so many accounts that tables split their pages, logs grow and polls overlap.
import { testSealing } from '../support/sealing-forensics.ts'

testSealing({ accounts: 300, mayChooseRowImage: true, patienceMs: 240_000 })
testSealing({ accounts: 300, mayChooseRowImage: false, patienceMs: 240_000 })
