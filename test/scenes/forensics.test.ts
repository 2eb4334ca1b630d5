// Whoever searches everything that a running installation writes and holds finds no password once the key is there, but in a binary log
// whose row images the database user may not choose. test/flow has a small form of it.
import { testSealing } from '../support/sealing-forensics.ts'

testSealing({ accounts: 5, mayChooseRowImage: true, patienceMs: 120_000 })
testSealing({ accounts: 5, mayChooseRowImage: false, patienceMs: 120_000 })
