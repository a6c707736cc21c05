"""The heart: agents, core blocks, recall, archival memory. Imports nothing above it."""
