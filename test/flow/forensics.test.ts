// Whoever searches everything that a running installation writes and holds finds no password once the key is there.
import { testSealing } from '../support/sealing-forensics.ts'

testSealing({ accounts: 5, mayChooseRowImage: true, patienceMs: 40_000 })
testSealing({ accounts: 5, mayChooseRowImage: false, patienceMs: 40_000 })
