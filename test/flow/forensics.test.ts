// Whoever searches everything that a running installation writes and holds finds no password once the key is there. test/scenes has the same
// where row images cannot be chosen.
import { testSealing } from '../support/sealing-forensics.ts'

testSealing({ accounts: 5, mayChooseRowImage: true, patienceMs: 120_000 })
