// The control: slower transactions, nothing weaker.
import { rewrite, slowWriting } from './rewrite.ts'

rewrite(slowWriting)
