// A parsing thread of a broken installation.
process.exit(1)
