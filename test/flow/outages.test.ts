// The database goes away and comes back; test/scenes has longer outages, and those of Redis.
import { test } from 'vitest'
import { outliveDatabase } from '../support/outages.ts'

test('without its database for five seconds the daemon waits, does not hammer, and goes on', () => outliveDatabase(5))
